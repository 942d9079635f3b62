"""Plots of one video's results: scenes, a lane for each person, how many there are, and how sure the detector was.

Nothing here touches pyplot or its global state: every function makes a `Figure` of its own, which a notebook shows as it is.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from schemas.annotation import Annotation
from schemas.errors import UsageError
from schemas.frames import Floats
from vaengine.lookup import VideoResults
from vaengine.pictures.palette import colour_of, ink_on, short_name
from vaengine.pictures.presence import Presence, Scene, Stretch, counted_over
from vaengine.pictures.timeline import packed
from vaengine.quantities import clock, counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS: Final = ("png", "svg")
WIDTH_IN: Final = 12.0
LANE_IN: Final = 0.17
MOST_LANES: Final = 40  # more persons share lanes
MOST_BANDS: Final = 250  # more scenes are shown as cuts in a stretch of time
BINS: Final = 240
DPI: Final = 110
SLATES: Final = ("#8FA3B8", "#C5D0DB")
BLUE: Final = "#0072B2"
GREY: Final = "#6B6B6B"
_NO_STYLE: Final = frozenset({"backend", "backend_fallback", "interactive", "toolbar"})  # what a session has chosen stays
_STYLE: Final[dict[Any, Any]] = {
    "svg.hashsalt": "vaengine",  # else ids in the file are random
    "svg.fonttype": "path",  # the same letters on every machine
    "font.family": "DejaVu Sans",  # ships with matplotlib
    "font.size": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.6,
    "xtick.color": "#333333",
    "ytick.color": "#333333",
}


@contextmanager
def style() -> Iterator[None]:
    """What every plot looks like, whatever the user's own settings; they are put back."""
    import matplotlib as mpl

    usual = {key: value for key, value in mpl.rcParamsDefault.items() if key not in _NO_STYLE}
    with mpl.rc_context({**usual, **_STYLE}):
        yield


def plot_results(results: VideoResults) -> Figure:
    """What a store holds of one video, with its name, its length and what made the results in the title."""
    video = results.video
    facts = f"{clock(video.duration_s)} · {float(video.nominal_fps):.4g} fps · {video.width} × {video.height} · {results.provenance}"
    title = f"{Path(video.path).name}\n{facts}"
    return plot_video(results.annotations, title=title, duration_s=video.duration_s, sample_fps=results.sample_fps)


def plot_video(
    annotations: Sequence[Annotation], *, title: str = "", duration_s: float | None = None, sample_fps: float | None = None
) -> Figure:
    """Rows of one video over time. Where they are not given, `duration_s` is when the last row ends and `sample_fps` the usual gap's.

    The first line of `title` is printed large.
    """
    presence = Presence.of(annotations, sample_fps)
    stretches = presence.stretches()
    ends = chain((end for own in stretches.values() for _, end in own), (scene.end_s for scene in presence.scenes))
    length_s = duration_s or max(ends, default=1.0)
    lanes = packed(stretches, MOST_LANES)
    heights = [0.45, max(0.6, len(lanes) * LANE_IN), 0.9, 0.9]
    with style():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(WIDTH_IN, sum(heights) + 1.7), layout="constrained", dpi=DPI)
        scenes, persons, number, confidence = figure.subplots(4, 1, sharex=True, height_ratios=heights)
        _draw_title(figure, title)
        _draw_scenes(scenes, presence.scenes, length_s)
        _draw_lanes(persons, lanes, stretches, length_s)
        _draw_number(number, stretches, length_s)
        _draw_confidence(confidence, annotations, length_s, presence.sample_fps)
        _time_axis(confidence, length_s)
    return figure


def picture_bytes(figure: Figure, file_format: str) -> bytes:
    """The figure as `png` or `svg`; the same figure gives the same bytes: no dates, no random ids, no version."""
    buffer = io.BytesIO()
    metadata = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}[file_format]
    with style():
        figure.savefig(buffer, format=file_format, metadata=metadata, facecolor="white")
    return buffer.getvalue()


def format_for(target: Path, asked: str | None) -> str:
    """What to write: as asked, else as the file's ending says; raises `UsageError`."""
    told = (asked or target.suffix.removeprefix(".")).lower()
    if told not in FORMATS:
        raise UsageError(f"cannot plot as {told or 'a file without ending'!r}: --format takes {' or '.join(FORMATS)}")
    return told


def _draw_title(figure: Figure, title: str) -> None:
    name, _, facts = title.partition("\n")
    if name:
        figure.suptitle(name, x=0.01, ha="left", fontsize=12, fontweight="bold")
    if facts:
        figure.get_axes()[0].set_title(facts, loc="left", fontsize=8.5, color=GREY)


def _draw_scenes(axes: Axes, scenes: Sequence[Scene], length_s: float) -> None:
    axes.set_ylabel(counted(len(scenes), "scene"), rotation=0, ha="right", va="center")
    axes.set_yticks([])
    if len(scenes) > MOST_BANDS:
        cuts, edges = np.histogram([scene.start_s for scene in scenes], bins=BINS, range=(0, length_s))
        axes.stairs(cuts, edges, fill=True, color=SLATES[0])
        axes.set_yticks([0, int(cuts.max())])
        return
    axes.set_ylim(0, 1)
    for number, scene in enumerate(scenes):
        axes.broken_barh([(scene.start_s, scene.end_s - scene.start_s)], (0, 1), facecolors=SLATES[number % 2])
        name = short_name(scene.name)
        if (scene.end_s - scene.start_s) / length_s * WIDTH_IN * 0.85 > 0.09 * len(name) + 0.06:
            axes.text((scene.start_s + scene.end_s) / 2, 0.5, name, ha="center", va="center", fontsize=8)
    _say_if_empty(axes, scenes, "no scenes stored")


def _draw_lanes(axes: Axes, lanes: Sequence[Sequence[str]], stretches: Mapping[str, Sequence[Stretch]], length_s: float) -> None:
    axes.set_ylabel(counted(len(stretches), "person"), rotation=0, ha="right", va="center")
    axes.set_ylim(max(1, len(lanes)), 0)
    is_shared = any(len(persons) > 1 for persons in lanes)
    for lane, persons in enumerate(lanes):
        taken: list[Stretch] = []
        for person in persons:
            bars = [(start, end - start) for start, end in stretches[person]]
            axes.broken_barh(bars, (lane + 0.12, 0.76), facecolors=colour_of(person))
            if is_shared:  # the one before may have the same colour
                axes.vlines(bars[0][0], lane + 0.1, lane + 0.9, color="white", linewidth=0.6)
                _name_bar(axes, person, max(bars, key=lambda bar: bar[1]), lane, length_s, taken)
    named = [] if is_shared else [short_name(persons[0]) for persons in lanes]
    axes.set_yticks(np.arange(len(named)) + 0.5, named, fontsize=7)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#E3E3E3", linewidth=0.5)
    axes.set_axisbelow(True)
    _say_if_empty(axes, lanes, "no persons stored")


def _name_bar(axes: Axes, person: str, bar: tuple[float, float], lane: int, length_s: float, taken: list[Stretch]) -> None:
    """A person's name in the longest bar, where it fits and no other name of the lane stands; then its place is `taken`."""
    name = short_name(person)
    middle_s, width_s = bar[0] + bar[1] / 2, (0.07 * len(name) + 0.04) / (WIDTH_IN * 0.85) * length_s
    place = (middle_s - width_s / 2, middle_s + width_s / 2)
    if bar[1] < width_s or any(place[0] < end and start < place[1] for start, end in taken):
        return
    taken.append(place)
    axes.text(middle_s, lane + 0.52, name, ha="center", va="center", fontsize=6, color=ink_on(colour_of(person)))


def _draw_number(axes: Axes, stretches: Mapping[str, Sequence[Stretch]], length_s: float) -> None:
    from matplotlib.ticker import MaxNLocator

    times, present = _readable([(0.0, 0), *counted_over(stretches), (length_s, 0)], length_s)
    axes.fill_between(times, present, step="post", color=BLUE, alpha=0.35, linewidth=0)
    axes.step(times, present, where="post", color=BLUE, linewidth=0.8)
    axes.set_ylim(0, max(1, *present) * 1.08)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=3, integer=True))
    axes.set_ylabel("persons\nat once", rotation=0, ha="right", va="center")


def _readable(counts: Sequence[tuple[float, int]], length_s: float) -> tuple[Sequence[float], Sequence[int]]:
    """Moments and counts from then on; of more changes than can be seen the highest count in each of `2 * BINS` stretches."""
    times, present = zip(*counts, strict=True)
    if len(times) <= 2 * BINS:
        return times, present
    edges = np.linspace(0, length_s, 2 * BINS + 1)
    firsts, stops = (np.searchsorted(times, edges, side) for side in ("right", "left"))
    highest = [max(present[max(0, first - 1) : max(stop, first)]) for first, stop in zip(firsts[:-1], stops[1:], strict=True)]
    return edges.tolist(), [*highest, 0]


def _draw_confidence(axes: Axes, annotations: Sequence[Annotation], length_s: float, sample_fps: float) -> None:
    boxes = [row for row in annotations if row.bbox is not None and row.confidence is not None and row.timestamp_seconds is not None]
    times = np.array([row.timestamp_seconds for row in boxes], np.float64)
    sure = np.array([row.confidence for row in boxes], np.float64)
    axes.set_ylim(0, 1.02)
    axes.set_yticks([0, 0.5, 1])
    axes.set_ylabel("confidence\nof boxes", rotation=0, ha="right", va="center")
    if boxes:
        middle, low, median, high = _spread(times, sure, max(1 / sample_fps, length_s / BINS))
        axes.fill_between(middle, low, high, color=GREY, alpha=0.22, linewidth=0)
        axes.plot(middle, median, color=GREY, linewidth=0.9)
        axes.text(1.0, 1.02, "median, 10 % to 90 %", transform=axes.transAxes, ha="right", va="bottom", fontsize=7, color=GREY)
    _say_if_empty(axes, boxes, "no boxes stored")


def _spread(times: Floats, values: Floats, width_s: float) -> tuple[Floats, Floats, Floats, Floats]:
    """Middle, 10 %, 50 % and 90 % of the values in each stretch of `width_s`; NaN where there are none, so that lines break."""
    place = np.floor(times / width_s + 1e-6).astype(np.int64)
    middle: Floats = (np.arange(int(place.max()) + 1, dtype=np.float64) + 0.5) * width_s
    spread = np.full((3, len(middle)), np.nan)
    for stretch in np.unique(place):
        spread[:, stretch] = np.percentile(values[place == stretch], (10, 50, 90))
    low, median, high = spread
    return middle, low, median, high


def _time_axis(axes: Axes, length_s: float) -> None:
    from matplotlib.ticker import FuncFormatter, MultipleLocator

    steps = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
    step = next((step for step in steps if length_s / step <= 14), length_s / 10)
    axes.xaxis.set_major_locator(MultipleLocator(step))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda time_s, _: clock(time_s) if step >= 1 else f"{time_s:.1f} s"))
    axes.set_xlim(0, length_s)


def _say_if_empty(axes: Axes, there: Sequence[Any], text: str) -> None:
    if not there:
        axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=GREY)
