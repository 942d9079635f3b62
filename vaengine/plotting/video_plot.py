"""Plots of one video's results: scenes, a lane for each person and face, how many there are, how sure the
detector was, and what is heard.

Nothing here touches pyplot or its global state: every function makes a `Figure` of its own, which a notebook
shows as it is.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from schemas.annotations.annotation import FACE_DETECTION, PERSON_DETECTION, Annotation
from schemas.errors import UsageError
from schemas.media.frames import Floats
from schemas.pipelines import AUDIO
from vaengine.console.units import clock, counted
from vaengine.plotting.audio_panels import heard_until_s, sound_panels
from vaengine.plotting.figure import (
    BINS,
    BLUE,
    DPI,
    GREY,
    LANE_IN,
    WIDTH_IN,
    Panel,
    lane_axis,
    name_panel,
    note_above,
    say_if_empty,
    style,
    time_axis,
    title_figure,
)
from vaengine.rendering.source_marks import PLACES, SourceMark
from vaengine.results.lookup import VideoResults
from vaengine.timeline.cast import colours_of
from vaengine.timeline.colour_assignment import Colours
from vaengine.timeline.palette import TONES, ink_on, short_name
from vaengine.timeline.presence import Presence, SceneSpan, Stretch, counted_over
from vaengine.timeline.video_lanes import packed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS: Final = ("png", "svg", "pdf")
MOST_LANES: Final = 40  # more persons share lanes
MOST_FACE_LANES: Final = 20
MOST_BANDS: Final = 250  # more scenes are shown as cuts in a stretch of time


@dataclass(frozen=True, slots=True)
class Lanes:
    """Who has which lane, when they are there, on a time axis of `length_s`, and their colours."""

    lanes: Sequence[Sequence[str]]
    stretches: Mapping[str, Sequence[Stretch]]
    length_s: float
    colours: Colours


def plot_results(results: VideoResults) -> Figure:
    """What a store holds of one video, with its name, its length and what made the results in the title."""
    video = results.video
    picture = (
        f"{float(video.nominal_fps):.4g} fps · {video.width} × {video.height}"
        if video.has_pictures
        else "sound alone"
    )
    title = f"{Path(video.path).name}\n{clock(video.duration_s)} · {picture} · {results.provenance}"
    return plot_video(
        results.annotations,
        title=title,
        duration_s=video.duration_s,
        sample_fps=results.sample_fps,
        face_fps=results.face_fps,
        has_pictures=video.has_pictures,
    )


def plot_video(
    annotations: Sequence[Annotation],
    *,
    title: str = "",
    duration_s: float | None = None,
    sample_fps: float | None = None,
    face_fps: float | None = None,
    has_pictures: bool = True,
) -> Figure:
    """Rows of one video over time. Where they are not given, `duration_s` is when the last row ends and the
    rates are the usual gap's.

    The first line of `title` is printed large. What there are no rows of is left out, but for scenes and
    persons of a video that `has_pictures` and was not listened to alone.
    """
    persons = Presence.of(annotations, sample_fps)
    faces = Presence.of(annotations, face_fps, kind=FACE_DETECTION)
    length_s = _length_s(annotations, persons, faces, duration_s)
    is_seen = has_pictures and (not annotations or any(row.pipeline != AUDIO for row in annotations))
    colours = colours_of(annotations, persons, faces)
    panels = [
        *(_person_panels(annotations, persons, length_s, colours) if is_seen else ()),
        *_face_panels(faces, length_s, colours),
        *sound_panels(annotations, colours, is_alone=not is_seen),
    ]
    with style():
        from matplotlib.figure import Figure

        figure = Figure(
            figsize=(WIDTH_IN, sum(panel.height_in for panel in panels) + 1.7), layout="constrained", dpi=DPI
        )
        grid = figure.subplots(
            len(panels), 1, sharex=True, height_ratios=[panel.height_in for panel in panels], squeeze=False
        )
        title_figure(figure, title)
        for axes, panel in zip(grid[:, 0], panels, strict=True):
            panel.draw(axes)
        time_axis(grid[-1, 0], length_s)
    return figure


def picture_bytes(figure: Figure, file_format: str, mark: SourceMark | None = None) -> bytes:
    """The figure as `png`, `svg` or `pdf`, with what it was drawn from; the same figure gives the same
    bytes: no dates, no random ids.
    """
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, format=file_format, metadata=_metadata(file_format, mark), facecolor="white")
    return buffer.getvalue()


def _metadata(file_format: str, mark: SourceMark | None) -> dict[str, Any]:
    nothing = {
        "png": ("Software",),
        "svg": ("Date", "Creator"),
        "pdf": ("Creator", "Producer", "CreationDate"),
    }[file_format]
    return {**dict.fromkeys(nothing), **({PLACES[file_format]: str(mark)} if mark else {})}


def format_for(target: Path, asked: str | None) -> str:
    """What to write: as asked, else as the file's ending says; raises `UsageError`."""
    told = (asked or target.suffix.removeprefix(".")).lower()
    if told not in FORMATS:
        raise UsageError(
            f"cannot plot as {told or 'a file without ending'!r}: --format takes {', '.join(FORMATS[:-1])} "
            f"or {FORMATS[-1]}"
        )
    return told


def _length_s(
    annotations: Sequence[Annotation], persons: Presence, faces: Presence, duration_s: float | None
) -> float:
    """How long the time axis is: as long as the video, and its sound where that goes on for much longer."""
    stretches = chain(persons.stretches().values(), faces.stretches().values())
    seen_s = duration_s or max(
        chain((end for own in stretches for _, end in own), (scene.end_s for scene in persons.scenes)),
        default=0.0,
    )
    heard_s = heard_until_s(annotations)
    return heard_s if heard_s > 1.01 * seen_s + 1 else seen_s or 1.0


def _person_panels(
    annotations: Sequence[Annotation], presence: Presence, length_s: float, colours: Colours
) -> Iterator[Panel]:
    """Scenes, a lane for each person, how many there are, and how sure the detector was."""
    stretches = presence.stretches()
    shown = Lanes(packed(stretches, MOST_LANES), stretches, length_s, colours)
    name = counted(len(stretches), "person")
    boxes = [row for row in annotations if row.annotation_type == PERSON_DETECTION]
    yield Panel(0.45, lambda axes: _draw_scenes(axes, presence.scenes, length_s))
    yield Panel(max(0.6, len(shown.lanes) * LANE_IN), lambda axes: _draw_lanes(axes, shown, name))
    yield Panel(0.9, lambda axes: _draw_number(axes, stretches, length_s))
    yield Panel(0.9, lambda axes: _draw_confidence(axes, boxes, length_s, presence.sample_fps))


def _face_panels(presence: Presence, length_s: float, colours: Colours) -> Iterator[Panel]:
    """A lane for each face that is told from others, or one for all where none is."""
    known = presence.stretches()
    stretches = known or presence.strangers()
    shown = Lanes(packed(stretches, MOST_FACE_LANES), stretches, length_s, colours)
    if shown.lanes:
        name = counted(len(known), "face") if known else "faces"
        yield Panel(max(0.3, len(shown.lanes) * LANE_IN), lambda axes: _draw_lanes(axes, shown, name))


def _draw_scenes(axes: Axes, scenes: Sequence[SceneSpan], length_s: float) -> None:
    name_panel(axes, counted(len(scenes), "scene"))
    axes.set_yticks([])
    if len(scenes) > MOST_BANDS:
        cuts, edges = np.histogram([scene.start_s for scene in scenes], bins=BINS, range=(0, length_s))
        axes.stairs(cuts, edges, fill=True, color=TONES[0])
        axes.set_yticks([0, int(cuts.max())])
        return
    axes.set_ylim(0, 1)
    for number, scene in enumerate(scenes):
        axes.broken_barh([(scene.start_s, scene.end_s - scene.start_s)], (0, 1), facecolors=TONES[number % 2])
        name = short_name(scene.name)
        if (scene.end_s - scene.start_s) / length_s * WIDTH_IN * 0.85 > 0.09 * len(name) + 0.06:
            axes.text((scene.start_s + scene.end_s) / 2, 0.5, name, ha="center", va="center", fontsize=8)
    say_if_empty(axes, scenes, "no scenes stored")


def _draw_lanes(axes: Axes, shown: Lanes, name: str) -> None:
    name_panel(axes, name)
    is_shared = any(len(ids) > 1 for ids in shown.lanes)
    lane_axis(axes, [] if is_shared else [short_name(ids[0]) for ids in shown.lanes], len(shown.lanes))
    for lane, ids in enumerate(shown.lanes):
        taken: list[Stretch] = []
        for one in ids:
            bars = [(start, end - start) for start, end in shown.stretches[one]]
            axes.broken_barh(bars, (lane + 0.12, 0.76), facecolors=shown.colours.of(one))
            if is_shared:  # the one before may have the same colour
                axes.vlines(bars[0][0], lane + 0.1, lane + 0.9, color="white", linewidth=0.6)
                _name_bar(axes, shown, one, lane, taken)
    say_if_empty(axes, shown.lanes, "no persons stored")


def _name_bar(axes: Axes, shown: Lanes, identity: str, lane: int, taken: list[Stretch]) -> None:
    """An id in its longest bar, where it fits and no other name of the lane stands; then its place is
    `taken`.
    """
    name, (start_s, end_s) = (
        short_name(identity),
        max(shown.stretches[identity], key=lambda own: own[1] - own[0]),
    )
    middle_s, width_s = (start_s + end_s) / 2, (0.07 * len(name) + 0.04) / (WIDTH_IN * 0.85) * shown.length_s
    place = (middle_s - width_s / 2, middle_s + width_s / 2)
    if end_s - start_s < width_s or any(place[0] < end and start < place[1] for start, end in taken):
        return
    taken.append(place)
    axes.text(
        middle_s,
        lane + 0.52,
        name,
        ha="center",
        va="center",
        fontsize=6,
        color=ink_on(shown.colours.of(identity)),
    )


def _draw_number(axes: Axes, stretches: Mapping[str, Sequence[Stretch]], length_s: float) -> None:
    from matplotlib.ticker import MaxNLocator

    times, present = _readable([(0.0, 0), *counted_over(stretches), (length_s, 0)], length_s)
    axes.fill_between(times, present, step="post", color=BLUE, alpha=0.35, linewidth=0)
    axes.step(times, present, where="post", color=BLUE, linewidth=0.8)
    axes.set_ylim(0, max(1, *present) * 1.08)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=3, integer=True))
    name_panel(axes, "persons\nat once")


def _readable(counts: Sequence[tuple[float, int]], length_s: float) -> tuple[Sequence[float], Sequence[int]]:
    """Moments and counts from then on; of more changes than can be seen the highest count in each of `2 *
    BINS` stretches.
    """
    times, present = zip(*counts, strict=True)
    if len(times) <= 2 * BINS:
        return times, present
    edges = np.linspace(0, length_s, 2 * BINS + 1)
    firsts, stops = (np.searchsorted(times, edges, side) for side in ("right", "left"))
    highest = [
        max(present[max(0, first - 1) : max(stop, first)])
        for first, stop in zip(firsts[:-1], stops[1:], strict=True)
    ]
    return edges.tolist(), [*highest, 0]


def _draw_confidence(
    axes: Axes, annotations: Sequence[Annotation], length_s: float, sample_fps: float
) -> None:
    boxes = [
        row
        for row in annotations
        if row.bbox is not None and row.confidence is not None and row.timestamp_seconds is not None
    ]
    times = np.array([row.timestamp_seconds for row in boxes], np.float64)
    sure = np.array([row.confidence for row in boxes], np.float64)
    axes.set_ylim(0, 1.02)
    axes.set_yticks([0, 0.5, 1])
    name_panel(axes, "confidence\nof boxes")
    if boxes:
        middle, low, median, high = _spread(times, sure, max(1 / sample_fps, length_s / BINS))
        axes.fill_between(middle, low, high, color=GREY, alpha=0.22, linewidth=0)
        axes.plot(middle, median, color=GREY, linewidth=0.9)
        note_above(axes, "median, 10 % to 90 %")
    say_if_empty(axes, boxes, "no boxes stored")


def _spread(times: Floats, values: Floats, width_s: float) -> tuple[Floats, Floats, Floats, Floats]:
    """Middle, 10 %, 50 % and 90 % of the values in each stretch of `width_s`; NaN where there are none,
    so that lines break.
    """
    place = np.floor(times / width_s + 1e-6).astype(np.int64)
    middle: Floats = (np.arange(int(place.max()) + 1, dtype=np.float64) + 0.5) * width_s
    spread = np.full((3, len(middle)), np.nan)
    for stretch in np.unique(place):
        spread[:, stretch] = np.percentile(values[place == stretch], (10, 50, 90))
    low, median, high = spread
    return middle, low, median, high
