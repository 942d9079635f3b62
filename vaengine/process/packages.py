"""Versions and folders of installed packages."""

from __future__ import annotations

import importlib
import importlib.util
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

OWN: Final = ("vaengine", "actors", "cluster", "schemas")


def own_packages() -> list[Path]:
    """Our four packages as folders, to be sent to a cluster that this command did not start."""
    return [Path(importlib.import_module(name).__path__[0]) for name in OWN]


def installed(name: str) -> str | None:
    """Version of an installed distribution; None where it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def package_folder(package: str) -> Path | None:
    """Folder of a package, found without importing it; None where it is not installed."""
    spec = importlib.util.find_spec(package)
    places = spec.submodule_search_locations if spec else None
    return Path(places[0]) if places else None
