"""A chart of ratios in groups: a bar for each median, and a line from the least to the most."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vaengine.plotting.figure import BLUE, GREY, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FASTER_THAN_ENGINE: Final = "#D55E00"
WIDTH_IN, ROW_IN, EDGES_IN = 8.0, 0.26, 0.8  # inches

Ratios = Mapping[str, Mapping[str, Any]]  # by name, as `Times.to_data` gives them


def write_chart(groups: Mapping[str, Ratios], path: Path) -> None:
    """Write an SVG, the same bytes for the same ratios; groups and names in their order from the top."""
    rows = list(_rows(groups))
    with style():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(WIDTH_IN, EDGES_IN + ROW_IN * len(rows)), layout="constrained")
        axes = figure.subplots()
        for row, (_, ratio) in enumerate(rows):
            if ratio is not None:
                _draw_row(axes, row, ratio)
        _label(axes, rows)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None}, facecolor="white")


def _rows(groups: Mapping[str, Ratios]) -> Iterator[tuple[str, Mapping[str, Any] | None]]:
    """The rows from the top: each group has its title, which is without a ratio."""
    for title, ratios in groups.items():
        yield title, None
        yield from ratios.items()


def _draw_row(axes: Axes, row: int, ratio: Mapping[str, Any]) -> None:
    median, least, most = ratio["median"], ratio["min"], ratio["max"]
    colour = BLUE if median >= 1 else FASTER_THAN_ENGINE
    axes.barh(row, median, height=0.66, color=colour)
    axes.plot([least, most], [row, row], color="#222222", linewidth=1.2, marker="|", markersize=6)
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}  # hides the dashed line behind the number
    axes.text(max(most, median) + 0.04, row, f"{median:.2f}", va="center", color="#222222", bbox=box)


def _label(axes: Axes, rows: list[tuple[str, Mapping[str, Any] | None]]) -> None:
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.tick_params(axis="y", length=0)
    for tick, (_, ratio) in zip(axes.get_yticklabels(), rows, strict=True):
        tick.set_fontweight("bold" if ratio is None else "normal")
    axes.axvline(1.0, color=GREY, linewidth=0.8, linestyle="--", zorder=0)
    axes.set_xlim(0.0, 1.07 * max(ratio["max"] for _, ratio in rows if ratio is not None))
    axes.set_xlabel("times as long as vaengine (orange: sooner); median, least and most", color=GREY)
    axes.spines["left"].set_visible(False)
