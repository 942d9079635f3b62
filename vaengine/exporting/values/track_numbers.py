"""Whole numbers for tracks: most formats know no names."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class TrackNumbers:
    """Numbers labels of videos in the order in which they are met, from `first` on; no two share one."""

    first: int = 1
    _numbers: dict[tuple[str, str], int] = field(default_factory=dict)

    def of(self, video_id: str, label: str) -> int:
        """The number of a label in a video."""
        return self._numbers.setdefault((video_id, label), len(self._numbers) + self.first)
