"""Reads the environment variables that forbid fetching models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

OURS: Final = "VAENGINE_OFFLINE"
FILE_VARIABLES: Final = (OURS,)
# Audio models mostly come from Hugging Face, which the second variable belongs to.
AUDIO_VARIABLES: Final = (
    OURS,
    "HF_HUB_OFFLINE",
)
FALSE_VALUES: Final = ("", "0", "false", "no", "off")


def forbidden_by(environment: Mapping[str, str], variables: Sequence[str] = FILE_VARIABLES) -> str | None:
    """The first variable that forbids fetching; None where none does.

    Any value forbids but an empty one, 0, false, no or off.
    """
    return next(
        (name for name in variables if environment.get(name, "").strip().lower() not in FALSE_VALUES), None
    )
