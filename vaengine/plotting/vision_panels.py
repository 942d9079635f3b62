"""The panels of a plot for vision results: scenes, lanes of persons and faces, number and confidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from schemas.annotations.annotation import PERSON_DETECTION, Annotation
from schemas.media.frames import Floats
from vaengine.console.units import counted
from vaengine.plotting.figure import (
    BINS,
    BLUE,
    GREY,
    LANE_IN,
    WIDTH_IN,
    Panel,
    draw_bars,
    lane_axis,
    name_panel,
    note_above,
    say_if_empty,
)
from vaengine.results.presence_intervals import Run
from vaengine.timeline.lanes import Bar, Track, pack_tracks
from vaengine.timeline.palette import NO_TRACK, TONES, ink_on
from vaengine.timeline.presence import counted_over
from vaengine.timeline.video_timeline import VideoTimeline

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_PERSON_LANES: Final = 40  # more persons share lanes
MAX_FACE_LANES: Final = 20
MAX_BANDS: Final = 250  # more scenes are drawn as a histogram of cuts
AXES_SHARE: Final = 0.85  # of a figure's width that its panels have, about

Lanes = Sequence[Sequence[Track]]


def person_panels(rows: Sequence[Annotation], timeline: VideoTimeline, length_s: float) -> Iterator[Panel]:
    """Yield panels of scenes, of lanes for each person, of their number, and of the detector's confidence."""
    tracks, scenes, persons = timeline.person_tracks, timeline.scene_bars, timeline.persons
    lanes, name = pack_tracks(tracks, MAX_PERSON_LANES).lanes, counted(len(tracks), "person")
    boxes = [row for row in rows if row.annotation_type == PERSON_DETECTION]
    yield Panel(0.45, lambda axes: _draw_scenes(axes, scenes, length_s))
    yield Panel(max(0.6, len(lanes) * LANE_IN), lambda axes: _draw_lanes(axes, lanes, length_s, name))
    yield Panel(0.9, lambda axes: _draw_number(axes, persons.runs(), length_s))
    yield Panel(0.9, lambda axes: _draw_confidence(axes, boxes, length_s, persons.sample_fps))


def face_panels(timeline: VideoTimeline, length_s: float) -> Iterator[Panel]:
    """Yield a panel with a lane for each face with an identity, or one lane for all faces without."""
    known = timeline.known_face_tracks
    lanes = pack_tracks(known or timeline.face_tracks, MAX_FACE_LANES).lanes
    if lanes:
        name = counted(len(known), "face") if known else "faces"
        yield Panel(max(0.3, len(lanes) * LANE_IN), lambda axes: _draw_lanes(axes, lanes, length_s, name))


def _draw_scenes(axes: Axes, scenes: Sequence[Bar], length_s: float) -> None:
    name_panel(axes, counted(len(scenes), "scene"))
    axes.set_yticks([])
    if len(scenes) > MAX_BANDS:
        cuts, edges = np.histogram([scene.start_s for scene in scenes], bins=BINS, range=(0, length_s))
        axes.stairs(cuts, edges, fill=True, color=TONES[0])
        axes.set_yticks([0, int(cuts.max())])
        return
    axes.set_ylim(0, 1)
    for number, scene in enumerate(scenes):
        width_s = scene.end_s - scene.start_s
        axes.broken_barh([(scene.start_s, width_s)], (0, 1), facecolors=TONES[number % 2])
        if width_s / length_s * WIDTH_IN * AXES_SHARE > 0.09 * len(scene.label) + 0.06:
            middle_s = (scene.start_s + scene.end_s) / 2
            axes.text(middle_s, 0.5, scene.label, ha="center", va="center", fontsize=8)
    say_if_empty(axes, scenes, "no scenes stored")


def _draw_lanes(axes: Axes, lanes: Lanes, length_s: float, name: str) -> None:
    name_panel(axes, name)
    is_shared = any(len(tracks) > 1 for tracks in lanes)
    lane_axis(axes, [] if is_shared else [tracks[0].label for tracks in lanes], len(lanes))
    for lane, tracks in enumerate(lanes):
        taken: list[Run] = []
        for track in tracks:
            draw_bars(axes, lane, track.bars, track.bars[0].colour or NO_TRACK)
            if is_shared:  # the track before may have the same colour
                axes.vlines(track.start_s, lane + 0.1, lane + 0.9, color="white", linewidth=0.6)
                _name_bar(axes, track, lane, length_s, taken)
    say_if_empty(axes, lanes, "no persons stored")


def _name_bar(axes: Axes, track: Track, lane: int, length_s: float, taken: list[Run]) -> None:
    """Write a track's label into its longest bar, if it fits there and no other label of the lane is there.

    The time span of the label is added to `taken`.
    """
    bar = max(track.bars, key=lambda bar: bar.end_s - bar.start_s)
    middle_s = (bar.start_s + bar.end_s) / 2
    width_s = (0.07 * len(bar.label) + 0.04) / (WIDTH_IN * AXES_SHARE) * length_s
    span = (middle_s - width_s / 2, middle_s + width_s / 2)
    is_taken = any(span[0] < end_s and start_s < span[1] for start_s, end_s in taken)
    if bar.end_s - bar.start_s < width_s or is_taken:
        return
    taken.append(span)
    ink = ink_on(bar.colour or NO_TRACK)
    axes.text(middle_s, lane + 0.52, bar.label, ha="center", va="center", fontsize=6, color=ink)


def _draw_number(axes: Axes, runs: Mapping[str, Sequence[Run]], length_s: float) -> None:
    from matplotlib.ticker import MaxNLocator

    times, present = _reduced([(0.0, 0), *counted_over(runs), (length_s, 0)], length_s)
    axes.fill_between(times, present, step="post", color=BLUE, alpha=0.35, linewidth=0)
    axes.step(times, present, where="post", color=BLUE, linewidth=0.8)
    axes.set_ylim(0, max(1, *present) * 1.08)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=3, integer=True))
    name_panel(axes, "persons\nat once")


def _reduced(counts: Sequence[tuple[float, int]], length_s: float) -> tuple[Sequence[float], Sequence[int]]:
    """The times of changes and the counts from then on.

    More changes than can be drawn are reduced to the highest count in each of `2 * BINS` intervals.
    """
    times, present = zip(*counts, strict=True)
    if len(times) <= 2 * BINS:
        return times, present
    edges = np.linspace(0, length_s, 2 * BINS + 1)
    firsts, stops = (np.searchsorted(times, edges, side) for side in ("right", "left"))
    spans = zip(firsts[:-1], stops[1:], strict=True)
    highest = [max(present[max(0, first - 1) : max(stop, first)]) for first, stop in spans]
    return edges.tolist(), [*highest, 0]


def _draw_confidence(axes: Axes, rows: Sequence[Annotation], length_s: float, sample_fps: float) -> None:
    boxes = [row for row in rows if row.bbox and None not in (row.confidence, row.timestamp_seconds)]
    times = np.array([row.timestamp_seconds for row in boxes], np.float64)
    confidences = np.array([row.confidence for row in boxes], np.float64)
    axes.set_ylim(0, 1.02)
    axes.set_yticks([0, 0.5, 1])
    name_panel(axes, "confidence\nof boxes")
    if boxes:
        middle, low, median, high = _spread(times, confidences, max(1 / sample_fps, length_s / BINS))
        axes.fill_between(middle, low, high, color=GREY, alpha=0.22, linewidth=0)
        axes.plot(middle, median, color=GREY, linewidth=0.9)
        note_above(axes, "median, 10 % to 90 %")
    say_if_empty(axes, boxes, "no boxes stored")


def _spread(times: Floats, values: Floats, width_s: float) -> tuple[Floats, Floats, Floats, Floats]:
    """The middle of each interval of `width_s` with the 10 %, 50 % and 90 % percentiles of its values.

    Percentiles of intervals without values are NaN, which interrupts lines.
    """
    interval_of = np.floor(times / width_s + 1e-6).astype(np.int64)
    middle: Floats = (np.arange(int(interval_of.max()) + 1, dtype=np.float64) + 0.5) * width_s
    spread = np.full((3, len(middle)), np.nan)
    for interval in np.unique(interval_of):
        spread[:, interval] = np.percentile(values[interval_of == interval], (10, 50, 90))
    low, median, high = spread
    return middle, low, median, high
