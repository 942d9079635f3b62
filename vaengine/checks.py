"""What the doctor says of one thing, and the facts that several of its checks rest on."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor's: `cure` says what to do unless the state is ok."""

    name: str
    state: State
    found: str
    cure: str = ""

    def __str__(self) -> str:
        return f"{self.state:<4}  {self.name:<12}  {self.found}" + (f"  ->  {self.cure}" if self.cure else "")


def installed(name: str) -> str | None:
    """Version of an installed distribution."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def package_folder(package: str) -> Path | None:
    """Where a package is, which is not imported; None where it is not installed."""
    spec = importlib.util.find_spec(package)
    places = spec.submodule_search_locations if spec else None
    return Path(places[0]) if places else None
