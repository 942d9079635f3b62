"""Pictures that may be taken into a dataset, and the count of what is left out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class LabelledBox:
    """A box of a class: left, top, right and bottom in shares of the picture, within it."""

    label: str
    xyxy: tuple[float, float, float, float]

    def __post_init__(self) -> None:
        left, top, right, bottom = self.xyxy
        if not (0.0 <= left < right <= 1.0 and 0.0 <= top < bottom <= 1.0):
            raise ValueError(f"a box lies within its picture, got {self.xyxy}")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A frame of a video, or with `crop` the part of it, that may be taken.

    `frame` counts from 0, `time_s` are seconds since the first frame. `boxes` are what is to be detected in
    it, `label` is its class where the picture as a whole has one. `crop` is left, top, right and bottom in
    shares of the frame. `is_compared` says that near-duplicates are known already, by embeddings.
    """

    video_id: str
    frame: int
    time_s: float
    boxes: tuple[LabelledBox, ...] = ()
    label: str = ""
    crop: tuple[float, float, float, float] | None = None
    annotation_id: str = ""
    is_compared: bool = False


@dataclass(frozen=True, slots=True)
class LeftOut:
    """So many `things` that were left out, and why."""

    number: int
    things: str
    reason: str


@dataclass(slots=True)
class LeftOutCounts:
    """Counts what is left out."""

    _counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, things: str, reason: str, number: int = 1) -> None:
        """Count `things`, such as boxes or pictures, that are left out for a reason."""
        if number:
            self._counts[things, reason] += number

    def all(self) -> tuple[LeftOut, ...]:
        """What was counted, the most first."""
        found = [LeftOut(number, things, reason) for (things, reason), number in self._counts.items()]
        return tuple(sorted(found, key=lambda one: (-one.number, one.things, one.reason)))
