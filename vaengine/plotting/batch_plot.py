"""The plot of a batch or of a whole store: outcomes, failures, results and cost of each video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from schemas.storage.backend import StorageBackend
from schemas.work.batch_progress import INTERRUPTED
from vaengine.console.units import clock
from vaengine.plotting.batch_tally import Tally, VideoTally, tally
from vaengine.plotting.figure import BLUE, DPI, GREY, WIDTH_IN, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_ROWS: Final = 30  # more videos are drawn as histograms
ROW_IN: Final = 0.2  # inches
BINS: Final = 30
MAX_NAME_LENGTH: Final = 34  # characters
MAX_FAILURE_KINDS: Final = 8
OUTCOME_COLOURS: Final = {
    "completed": "#009E73",
    "failed": "#D55E00",
    "running": "#F0E442",
    "retrying": "#CC79A7",
    INTERRUPTED: "#8C6D31",
    "pending": "#C9C9C9",
}


@dataclass(frozen=True, slots=True)
class Quantity:
    """A column of the plot: its title, and its value for each video."""

    title: str
    colour: str
    values: tuple[float | None, ...]
    is_time: bool = False  # in seconds, shown as hours, minutes and seconds
    width: float = 1.0  # relative to the other columns

    def text(self, value: float | None) -> str:
        """A value as text for its bar."""
        return _number_text(value) if value is None or not self.is_time else clock(value)


def quantities_of(content: Tally) -> tuple[Quantity, ...]:
    """The columns of the plot: length, scenes, persons, faces and speech if known, and cost."""
    videos = content.videos
    columns = (
        Quantity("length", GREY, tuple(video.duration_s for video in videos), is_time=True),
        Quantity("scenes", BLUE, tuple(video.scenes for video in videos)),
        Quantity("persons", "#E69F00", tuple(video.persons for video in videos)),
        Quantity("faces", "#009E73", tuple(video.faces for video in videos)),
        Quantity("speech", "#56B4E9", tuple(video.speech_s for video in videos), is_time=True),
        Quantity("core s / min", "#CC79A7", tuple(video.cost_s for video in videos), width=0.6),
    )
    optional = ("faces", "speech")
    unknown = {column.title for column in columns if all(value is None for value in column.values)}
    return tuple(column for column in columns if column.title not in optional or column.title not in unknown)


def plot_batch(store: StorageBackend, batch_id: str | None = None) -> Figure:
    """The plot of a batch, or of the whole store without a batch id; raises `NotFound`."""
    return draw(tally(store, batch_id))


def draw(content: Tally) -> Figure:
    """Draw a row for each video, or histograms for more than `MAX_ROWS` videos."""
    has_rows = len(content.videos) <= MAX_ROWS
    body_in = max(1.2, len(content.videos) * ROW_IN) if has_rows else 2.6
    kinds = min(MAX_FAILURE_KINDS, len(content.failures))
    head_in = 0.5 + 0.24 * max(2, len(content.outcomes), kinds)
    with style():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(WIDTH_IN, head_in + body_in + 1.3), layout="constrained", dpi=DPI)
        figure.suptitle(content.title, x=0.01, ha="left", fontsize=12, fontweight="bold")
        parts: Any = figure.subfigures(2, 1, height_ratios=[head_in, body_in + 0.6])
        head, body = parts
        _draw_head(head, content)
        quantities = quantities_of(content)
        widths = [quantity.width for quantity in quantities]
        columns = list(body.subplots(1, len(quantities), sharey=has_rows, width_ratios=widths))
        draw_column = _draw_rows if has_rows else _draw_histogram
        for axes, quantity in zip(columns, quantities, strict=True):
            draw_column(axes, quantity)
        if has_rows:
            _name_rows(columns[0], content.videos)
        else:
            columns[0].set_ylabel("videos")
    return figure


def _draw_head(head: Any, content: Tally) -> None:
    """Draw the number of videos by outcome, and of failed videos by kind if there are any."""
    outcomes_axes, failures_axes = head.subplots(1, 2)
    colours = [OUTCOME_COLOURS[name] for name in content.outcomes]
    _draw_counts(outcomes_axes, "videos by outcome", content.outcomes, colours)
    if content.failures:
        counts = dict(content.failures[:MAX_FAILURE_KINDS])
        colours = [OUTCOME_COLOURS["failed"]] * len(counts)
        _draw_counts(failures_axes, "failed videos by kind", counts, colours)
    else:
        failures_axes.remove()


def _draw_counts(axes: Axes, title: str, counts: Mapping[str, int], colours: Sequence[str]) -> None:
    bars = axes.barh(list(counts), list(counts.values()), color=colours, height=0.7)
    axes.bar_label(bars, [f"{number:,}" for number in counts.values()], padding=3)
    _plain_bars(axes, title, max(counts.values(), default=1))


def _plain_bars(axes: Axes, title: str, longest: int) -> None:
    """Hide the axis below bars, which have their numbers beside them."""
    axes.set_title(title, loc="left", fontsize=9)
    axes.set_xlim(0, longest * 1.12)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(max(2, len(axes.patches)) - 0.5, -0.5)
    if not axes.patches:
        axes.set_yticks([])


def _draw_rows(axes: Axes, quantity: Quantity) -> None:
    values = [value or 0.0 for value in quantity.values]
    bars = axes.barh(np.arange(len(values)), values, color=quantity.colour, height=0.7)
    axes.bar_label(bars, [quantity.text(value) for value in quantity.values], padding=3, fontsize=7)
    _plain_bars(axes, quantity.title, 1)
    axes.set_xlim(0, max([*values, 1e-9]) * 1.2)


def _name_rows(axes: Axes, videos: Sequence[VideoTally]) -> None:
    axes.set_yticks(np.arange(len(videos)), [_short(video.name) for video in videos], fontsize=7.5)
    axes.set_ylim(len(videos) - 0.5, -0.5)
    for tick, video in zip(axes.get_yticklabels(), videos, strict=True):
        tick.set_color(OUTCOME_COLOURS["failed"] if video.outcome == "failed" else "#222222")


def _draw_histogram(axes: Axes, quantity: Quantity) -> None:
    unit = 60 if quantity.is_time else 1
    values = np.array([value for value in quantity.values if value is not None], np.float64) / unit
    title = f"{quantity.title}, minutes" if quantity.is_time else quantity.title
    axes.set_title(title, loc="left", fontsize=9)
    if not len(values):
        axes.text(0.5, 0.5, "nothing known", transform=axes.transAxes, ha="center", va="center", color=GREY)
        return
    is_small = bool((values == values.round()).all()) and values.max() < BINS
    bins = np.arange(-0.5, values.max() + 1).tolist() if is_small else BINS
    axes.hist(values, bins=bins, color=quantity.colour)
    axes.set_ylim(0, 1.12 * axes.get_ylim()[1])  # room for the note
    median = float(np.median(values))
    axes.axvline(median, color="#222222", linewidth=0.8, linestyle="--")
    unknown = len(quantity.values) - len(values)
    note = f"median {quantity.text(median * unit)}" + (f", {unknown:,} unknown" if unknown else "")
    axes.text(0.98, 0.97, note, transform=axes.transAxes, ha="right", va="top", fontsize=7.5, color=GREY)


def _number_text(value: Any) -> str:
    """A number with three significant digits; a dash for None."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 or float(value).is_integer() else f"{value:.3g}"


def _short(name: str) -> str:
    """A long name without its middle, since names often begin alike."""
    half = (MAX_NAME_LENGTH - 1) // 2
    return name if len(name) <= MAX_NAME_LENGTH else f"{name[:half]}…{name[-half:]}"
