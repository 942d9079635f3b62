"""A fault that a check of a store has found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final

RESTORE: Final = "restore a backup"
DONE_ANEW: Final = "run the same command again, it is done anew"
FORGET: Final = "restore a backup, or take the video out with `vaengine db forget` and run again"


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault; every text is one line and not empty."""

    kind: str  # for programs
    where: str
    what: str
    cure: str

    def __post_init__(self) -> None:
        if any("\n" in text or not text for text in asdict(self).values()):
            raise ValueError(f"a finding is one line that leaves nothing out: {self!r}")

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.cure}"
