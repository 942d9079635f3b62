"""One answer of a query: a part of a video, and why it was found."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Match:
    """A part `[start_s, end_s)` of a video that a query found; `start_s == end_s` for a single frame.

    `why` is one line for a person. `score` orders answers: higher is better, None where a query has no order.
    `annotation_ids` name the rows that were found. Raises ValueError on times that are no interval.
    """

    video_id: str
    path: str
    start_s: float
    end_s: float
    why: str = ""
    score: float | None = None
    annotation_ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.start_s <= self.end_s < math.inf:
            raise ValueError(f"a match from {self.start_s} s to {self.end_s} s is no part of a video")
