"""What a file of another tool cannot hold: counted while it is written, and said afterwards."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Loss:
    """Rows of one annotation type that are not, or not wholly, in the files, and why."""

    kind: str
    rows: int
    reason: str


@dataclass(slots=True)
class Losses:
    """Collects losses; rows are counted once for each reason and place, also where they are read twice."""

    _counts: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)

    def set(self, kind: str, reason: str, place: str, rows: int) -> None:
        """Say how many rows of a video, or other place, are lost for a reason."""
        if rows:
            self._counts.setdefault((kind, reason), Counter())[place] = rows

    def add(self, kind: str, reason: str, place: str, rows: int = 1) -> None:
        """Say that further rows are lost for a reason."""
        self._counts.setdefault((kind, reason), Counter())[place] += rows

    def all(self) -> tuple[Loss, ...]:
        """Each loss with its number of rows, by type and reason."""
        return tuple(
            Loss(kind, counts.total(), reason) for (kind, reason), counts in sorted(self._counts.items())
        )
