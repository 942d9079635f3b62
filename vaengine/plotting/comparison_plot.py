"""The plot of a comparison: a row for each kind and label, with its shares and its errors in seconds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from actors.atomic_files import write_atomic
from schemas.errors import UsageError
from vaengine.comparing.comparison import Agreement, Comparison
from vaengine.console.units import counted
from vaengine.plotting.figure import BLUE, DPI, GREY, WIDTH_IN, say_if_empty, style, title_figure
from vaengine.plotting.video_plot import format_for, picture_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW_IN: Final = 0.42  # inches
_SHARES: Final = (  # name, colour, marker, and how far below the middle of its row: no mark hides another
    ("precision", BLUE, "o", -0.18),
    ("recall", "#D55E00", "s", -0.06),
    ("IoU", "#E69F00", "v", 0.06),
    ("HOTA", "#009E73", "D", 0.18),
    ("kappa", "#CC79A7", "^", 0.18),
)
_MEAN_ERRORS: Final = (("start", BLUE, -0.15), ("end", "#D55E00", 0.15))


def comparison_target(path: Path, *, force: bool) -> Path:
    """The file of a plot; raises `UsageError` for a format that is unknown or a file that is there."""
    format_for(path, None)
    if path.exists() and not force:
        raise UsageError(f"{path} is there already: --force replaces it")
    return path


def write_comparison(comparison: Comparison, path: Path) -> Path:
    """Draw a comparison into a file, whole or not at all."""
    write_atomic(path, picture_bytes(plot_comparison(comparison), format_for(path, None)))
    return path


def plot_comparison(comparison: Comparison) -> Figure:
    """Shares from 0 to 1 on the left, how far beginnings and ends differ on the right."""
    lines = comparison.total
    with style():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(WIDTH_IN, 1.9 + _ROW_IN * max(2, len(lines))), layout="constrained", dpi=DPI)
        shares, errors = figure.subplots(1, 2, sharey=True, width_ratios=(3, 1))
        title_figure(figure, f"A: {comparison.a}, taken as true · B: {comparison.b}")
        shares.set_title(counted(len(comparison.videos), "video"), loc="left", fontsize=8.5, color=GREY)
        _draw_names(shares, lines)
        _draw_shares(shares, lines)
        _draw_errors(errors, lines)
    return figure


def _draw_names(axes: Axes, lines: Sequence[Agreement]) -> None:
    axes.set_ylim(max(1, len(lines)) - 0.5, -0.5)
    axes.set_yticks(range(len(lines)), [_name(one) for one in lines])
    axes.tick_params(axis="y", length=0)


def _name(one: Agreement) -> str:
    counts = (one.boxes.boxes_a, one.boxes.boxes_b) if one.boxes else (0, 0)
    if one.time is not None:
        counts = one.time.count_a, one.time.count_b
    label = f"{one.kind} {one.label}" if one.label else one.kind
    return f"{label}\nA {counts[0]:,} · B {counts[1]:,}"


def shares_of(one: Agreement) -> dict[str, float]:
    """The shares of a line that there are, by name."""
    part = one.boxes or one.time
    values = {
        "precision": part.precision if part else None,
        "recall": part.recall if part else None,
        "IoU": one.boxes.mean_iou if one.boxes else None,
        "HOTA": one.boxes.hota if one.boxes else None,
        "kappa": one.time.kappa if one.time else None,
    }
    return {name: value for name, value in values.items() if value is not None}


def _draw_shares(axes: Axes, lines: Sequence[Agreement]) -> None:
    found = [shares_of(one) for one in lines]
    for row in range(len(lines)):
        axes.axhline(row, color="#E3E3E3", linewidth=0.5, zorder=0)
    for name, colour, marker, below in _SHARES:
        rows = [row for row, shares in enumerate(found) if name in shares]
        values = [found[row][name] for row in rows]
        places = [row + below for row in rows]
        axes.plot(values, places, marker, color=colour, label=name, markersize=6, clip_on=False)
    least = min((value for shares in found for value in shares.values()), default=0.0)
    axes.set_xlim(min(0.0, least) - 0.01, 1.0)
    axes.set_xlabel("share; 1 is perfect, and for kappa 0 is chance")
    axes.grid(axis="x", color="#E3E3E3", linewidth=0.5)
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=len(_SHARES), frameon=False)


def _draw_errors(axes: Axes, lines: Sequence[Agreement]) -> None:
    largest = 0.0
    for name, colour, shift in _MEAN_ERRORS:
        errors = [(row, getattr(one.time, f"{name}_error_s", None)) for row, one in enumerate(lines)]
        known = [(row, value) for row, value in errors if value is not None]
        if not known:
            continue
        largest = max([largest, *(value for _, value in known)])
        places = [row + shift for row, _ in known]
        axes.barh(places, [value for _, value in known], 0.26, color=colour, label=f"at the {name}")
    axes.set_xlim(0, largest * 1.1 or 1.0)
    axes.set_xlabel("mean error in seconds")
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#E3E3E3", linewidth=0.5)
    axes.set_axisbelow(True)
    say_if_empty(axes, axes.patches, "nothing matched in time")
    if axes.patches:
        axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, frameon=False)
