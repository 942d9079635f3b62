"""Whether a driver and a cluster fit together: their versions of Ray and Python."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version

LEVEL_VARIABLE = "RAY_DEFAULT_PYTHON_VERSION_MATCH_LEVEL"  # "patch", Ray's default, or "minor"


@dataclass(frozen=True, slots=True)
class Versions:
    """Versions of Ray and of Python, such as 2.60.0 and 3.11.7; "" for an unknown one."""

    ray: str
    python: str

    def __str__(self) -> str:
        return f"Ray {self.ray or 'unknown'} and Python {self.python or 'unknown'}"


def own_versions() -> Versions:
    """Those of this process, without importing Ray."""
    return Versions(version("ray"), platform.python_version())


def version_conflict(cluster: Versions, here: Versions, environment: Mapping[str, str]) -> str | None:
    """Cause and cure where Ray would refuse this driver; None where it would not.

    It asks for the same version of Ray, and of Python to the last part, or to the second where the user
    has said "minor". Source: `ray._private.utils.check_version_info`.
    """
    parts = 2 if environment.get(LEVEL_VARIABLE) == "minor" else None
    if _fit(cluster.ray, here.ray) and _fit(cluster.python, here.python, parts):
        return None
    return (
        f"it runs {cluster}, and here is {here}; use an environment with the cluster's versions, or start "
        "its nodes with these"
    )


def _fit(one: str, other: str, parts: int | None = None) -> bool:
    return not one or not other or one.split(".")[:parts] == other.split(".")[:parts]
