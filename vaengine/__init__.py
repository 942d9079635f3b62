"""vaengine annotates large video collections on Ray; this package is all that users import."""

import importlib

for _sister in ("schemas", "actors", "cluster"):
    _found = importlib.import_module(_sister)
    if not getattr(_found, "__vaengine__", False):
        raise ImportError(
            f"vaengine needs its own package {_sister!r}, but Python found {_found.__file__ or _found.__path__} first: "
            "rename that folder, or start from another directory"
        )

__version__ = "0.1.0"
