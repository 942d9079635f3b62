"""Whether the network may be asked for models at all: one reading of the variables for all who fetch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

OURS: Final = "VAENGINE_OFFLINE"
FOR_FILES: Final = (OURS,)
FOR_SOUND: Final = (
    OURS,
    "HF_HUB_OFFLINE",
)  # models of sound, which mostly come from the hub that the second one is of
NO: Final = ("", "0", "false", "no", "off")


def forbidden_by(environment: Mapping[str, str], variables: Sequence[str] = FOR_FILES) -> str | None:
    """The first of the variables that forbids fetching, as any value does but an empty one, 0, false, no
    or off; None where none does.
    """
    return next((name for name in variables if environment.get(name, "").strip().lower() not in NO), None)
