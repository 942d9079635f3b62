"""Which cluster `auto` means: that of RAY_ADDRESS, the one that `ray start` noted, or that of a node here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from cluster.connection.raylets import LocalRaylet

ADDRESS_VARIABLE: Final = "RAY_ADDRESS"
TEMP_VARIABLES: Final = ("RAY_TMPDIR", "TMPDIR")  # Ray's order; source: `ray._common.utils`
_NO_CLUSTER: Final = ("", "auto", "local")  # values of RAY_ADDRESS that name none


@dataclass(frozen=True, slots=True)
class FoundCluster:
    """An address, and what it was found by.

    `how`: the user has "named" it, so that no other is meant; `ray start` has "noted" it, and its head may
    have ended since; or a node of it was "seen" on this machine, and it may be some program's own.
    """

    address: str
    origin: str
    how: Literal["named", "noted", "seen"]


def candidates(
    environment: Mapping[str, str],
    note: Path,
    noted: str,
    raylets: Callable[[], Sequence[LocalRaylet]],
) -> Iterable[FoundCluster]:
    """The clusters that may be meant, the first that is there is; `noted` is the content of `note`."""
    named = environment.get(ADDRESS_VARIABLE, "").strip()
    if named == "local":
        return
    if named not in _NO_CLUSTER:
        yield FoundCluster(named, ADDRESS_VARIABLE, "named")
        return
    if noted:
        yield FoundCluster(noted, str(note), "noted")
    for address in dict.fromkeys(raylet.gcs_address for raylet in raylets()):
        yield FoundCluster(address, "its node on this machine", "seen")


def choose(
    found: Iterable[FoundCluster], *, is_there: Callable[[str], bool], is_lasting: Callable[[str], bool]
) -> FoundCluster | None:
    """The first that is meant: named, or noted and there, or seen and no program's own."""

    def is_meant(one: FoundCluster) -> bool:
        return one.how == "named" or (
            is_there(one.address) and (one.how == "noted" or is_lasting(one.address))
        )

    return next(filter(is_meant, found), None)


def address_note(environment: Mapping[str, str]) -> Path:
    """The file in which `ray start` notes the address of its cluster."""
    folder = next((environment[name] for name in TEMP_VARIABLES if environment.get(name)), "/tmp")
    return Path(folder) / "ray" / "ray_current_cluster"


def read_note(path: Path) -> str:
    """The noted address; empty where none is noted."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
