"""What a check of a store finds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final

RESTORE: Final = "restore a backup"
DONE_ANEW: Final = "run the same command again, it is done anew"
FORGET: Final = "restore a backup, or take the video out with `vaengine db forget` and run again"


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault: its `kind` for programs, then where it is, what it is and what to do, in words on one
    line.
    """

    kind: str
    where: str
    what: str
    cure: str

    def __post_init__(self) -> None:
        if any("\n" in text or not text for text in asdict(self).values()):
            raise ValueError(f"a finding is one line that leaves nothing out: {self!r}")

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.cure}"
