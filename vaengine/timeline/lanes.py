"""Bars, tracks and lanes of a timeline, and their packing and clipping."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from vaengine.console.units import counted
from vaengine.results.audio import Interval

Packed = TypeVar("Packed", bound=Interval)


@dataclass(frozen=True, slots=True)
class Bar:
    """One interval `[start_s, end_s)` of a timeline.

    `name` is the whole id or label, `label` a short one for the inside of the bar. `colour` is `#RRGGBB`, or
    None for bars of nobody, for which each drawing has a colour. `text` is spoken text, `detections` the
    number of boxes, `confidence` 0 to 1; each may be None.
    """

    start_s: float
    end_s: float
    name: str
    label: str = ""
    colour: str | None = None
    text: str | None = None
    detections: int | None = None
    confidence: float | None = None

    @property
    def title(self) -> str:
        """A description of the bar on one line, for a tooltip."""
        times = f"{self.start_s:.2f} to {self.end_s:.2f} s"
        if self.text is not None:
            return f"{self.text} ({times})"
        boxes = "" if self.detections is None else f", {counted(self.detections, 'detection')}"
        confidence = "" if self.confidence is None else f", {self.confidence:.2f}"
        return f"{self.name}: {times}{boxes}{confidence}"

    def clipped(self, start_s: float, end_s: float) -> Bar | None:
        """The part of the bar that lies in `[start_s, end_s)`, or None."""
        if self.end_s <= start_s or self.start_s >= end_s:
            return None
        return replace(self, start_s=max(self.start_s, start_s), end_s=min(self.end_s, end_s))


@dataclass(frozen=True, slots=True)
class Track:
    """All bars of one identity or label, at least one, in order of time."""

    name: str
    bars: tuple[Bar, ...]

    def __post_init__(self) -> None:
        if not self.bars:
            raise ValueError(f"track {self.name!r} has no bar")

    @property
    def start_s(self) -> float:
        """The start of the first bar."""
        return self.bars[0].start_s

    @property
    def end_s(self) -> float:
        """The end of the last bar."""
        return self.bars[-1].end_s

    @property
    def label(self) -> str:
        """The label of the first bar."""
        return self.bars[0].label


@dataclass(frozen=True, slots=True)
class Row:
    """A named row of bars."""

    name: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Packing(Generic[Packed]):
    """Items by lane, from the top lane down. A packing is crowded if items of one lane overlap."""

    lanes: tuple[tuple[Packed, ...], ...]
    is_crowded: bool = False


def pack(
    items: Iterable[Packed],
    max_lanes: int | None = None,
    *,
    min_length_s: float = 0.0,
) -> Packing[Packed]:
    """Pack items into as few lanes as possible without overlap; each counts as `min_length_s` long at least.

    Greedy interval partitioning by start (Kleinberg and Tardos, Algorithm Design, 4.1) needs fewest lanes.
    If `max_lanes` do not suffice, an item goes into the lane whose items end first. Items that start together
    keep their order.
    """
    lanes: list[list[Packed]] = []
    free_s: list[float] = []
    is_crowded = False
    for item in sorted(items, key=lambda item: item.start_s):
        lane = _lane_at(item.start_s, free_s, max_lanes)
        if lane == len(lanes):
            lanes.append([])
            free_s.append(item.start_s)
        is_crowded = is_crowded or free_s[lane] > item.start_s
        lanes[lane].append(item)
        free_s[lane] = max(free_s[lane], item.end_s, item.start_s + min_length_s)
    return Packing(tuple(map(tuple, lanes)), is_crowded)


def pack_tracks(tracks: Iterable[Track], max_lanes: int) -> Packing[Track]:
    """A lane for each track, in order of its first bar; more than `max_lanes` tracks share lanes."""
    ordered = sorted(tracks, key=lambda track: (track.start_s, track.bars[0].end_s))
    if len(ordered) > max_lanes:
        return pack(ordered, max_lanes)
    return Packing(tuple((track,) for track in ordered))


def clip_bars(bars: Iterable[Bar], start_s: float, end_s: float) -> tuple[Bar, ...]:
    """The parts of bars that lie in `[start_s, end_s)`."""
    return tuple(part for bar in bars if (part := bar.clipped(start_s, end_s)) is not None)


def clip_tracks(tracks: Iterable[Track], start_s: float, end_s: float) -> tuple[Track, ...]:
    """The parts of tracks that lie in `[start_s, end_s)`, without tracks that lie outside."""
    clipped = ((track.name, clip_bars(track.bars, start_s, end_s)) for track in tracks)
    return tuple(Track(name, bars) for name, bars in clipped if bars)


def tracks_by_name(bars: Iterable[Bar]) -> tuple[Track, ...]:
    """A track for the bars of each name, in the order in which the names first appear."""
    bars_by_name: dict[str, list[Bar]] = {}
    for bar in bars:
        bars_by_name.setdefault(bar.name, []).append(bar)
    return tuple(Track(name, tuple(named)) for name, named in bars_by_name.items())


def spaced(bars: Iterable[Bar], min_gap_s: float) -> Iterator[Bar]:
    """Yield bars in order of time, without those that start less than `min_gap_s` after the last one."""
    last_s: float | None = None
    for bar in bars:
        if last_s is None or bar.start_s - last_s >= min_gap_s:
            last_s = bar.start_s
            yield bar


def joined(bars: Sequence[Bar], min_gap_s: float) -> list[Bar]:
    """The bars of one track in order of time; bars that start less than `min_gap_s` apart become one."""
    result: list[Bar] = []
    for bar in bars:
        if result and bar.start_s - result[-1].start_s < min_gap_s:
            last = result[-1]
            detections = (last.detections or 0) + (bar.detections or 0)
            result[-1] = replace(last, end_s=max(last.end_s, bar.end_s), detections=detections)
        else:
            result.append(bar)
    return result


def _lane_at(start_s: float, free_s: Sequence[float], max_lanes: int | None) -> int:
    """The first lane that is free at `start_s`, or a new one, or the one that is free first."""
    free = next((lane for lane, end_s in enumerate(free_s) if end_s <= start_s), None)
    if free is not None:
        return free
    has_room = max_lanes is None or len(free_s) < max_lanes
    return len(free_s) if has_room else min(range(len(free_s)), key=free_s.__getitem__)
