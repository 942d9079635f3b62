"""The parts that all plots share: sizes, colours, fonts, the time axis, panels with lanes."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from vaengine.console.units import clock, time_step_s
from vaengine.timeline.lanes import Bar

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH_IN: Final = 12.0  # inches
LANE_IN: Final = 0.17  # inches
MAX_FACTS_LENGTH: Final = 165  # characters of a line below the title
BINS: Final = 240
DPI: Final = 110
BLUE: Final = "#0072B2"
GREY: Final = "#6B6B6B"
MAX_TIMES: Final = 14  # at the time axis
_FACT_BREAK: Final = re.compile(r"(?<=;) | (?=· )")  # where a line of facts may be broken
# Settings of the user's session that a plot keeps.
_SESSION_KEYS: Final = frozenset({"backend", "backend_fallback", "interactive", "toolbar"})
_STYLE: Final[dict[Any, Any]] = {
    "svg.hashsalt": "vaengine",  # else ids in the file are random
    "pdf.fonttype": 42,  # text stays text, as publishers require
    "svg.fonttype": "path",  # the same glyphs on every machine
    "font.family": "DejaVu Sans",  # ships with matplotlib
    "font.size": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.6,
    "xtick.color": "#333333",
    "ytick.color": "#333333",
}


@dataclass(frozen=True, slots=True)
class Panel:
    """A part of a plot over time: its height, and the function that draws it."""

    height_in: float
    draw: Callable[[Axes], None]


@contextmanager
def style() -> Iterator[None]:
    """A context with the style of every plot; afterwards the user's own settings are restored."""
    import matplotlib as mpl

    defaults = {key: value for key, value in mpl.rcParamsDefault.items() if key not in _SESSION_KEYS}
    with mpl.rc_context({**defaults, **_STYLE}):
        yield


def title_figure(figure: Figure, title: str) -> None:
    """Write the first line of the title large, and the rest small above the first panel."""
    name, _, facts = title.partition("\n")
    if name:
        figure.suptitle(name, x=0.01, ha="left", fontsize=12, fontweight="bold")
    if facts:
        figure.get_axes()[0].set_title(wrapped(facts, MAX_FACTS_LENGTH), loc="left", fontsize=8.5, color=GREY)


def wrapped(facts: str, length: int) -> str:
    """Facts in lines of at most `length` characters.

    Lines are broken before ` · ` and after `;`, and within a fact only if that is longer than a line.
    """
    unbroken = [
        fact if len(fact) > length else fact.replace(" ", "\xa0") for fact in _FACT_BREAK.split(facts)
    ]
    return textwrap.fill(" ".join(unbroken), length, break_on_hyphens=False).replace("\xa0", " ")


def name_panel(axes: Axes, name: str) -> None:
    """Write the name of a panel to its left."""
    axes.set_ylabel(name, rotation=0, ha="right", va="center")


def note_above(axes: Axes, text: str) -> None:
    """Write a small note above the right end of a panel."""
    axes.text(1.0, 1.02, text, transform=axes.transAxes, ha="right", va="bottom", fontsize=7, color=GREY)


def say_if_empty(axes: Axes, content: Sequence[Any], text: str) -> None:
    """Write a text into the middle of a panel without content."""
    if not content:
        axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=GREY)


def lane_axis(axes: Axes, names: Sequence[str], lanes: int) -> None:
    """Set up a panel for lanes from the top down, with the names of the first lanes to their left."""
    axes.set_ylim(max(1, lanes), 0)
    axes.set_yticks([lane + 0.5 for lane in range(len(names))], list(names), fontsize=7)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#E3E3E3", linewidth=0.5)
    axes.set_axisbelow(True)


def draw_bars(axes: Axes, lane: int, bars: Sequence[Bar], colour: str, alpha: float | None = None) -> None:
    """Draw bars of one colour into a lane of `lane_axis`; lanes count from 0 at the top."""
    spans = [(bar.start_s, bar.end_s - bar.start_s) for bar in bars]
    axes.broken_barh(spans, (lane + 0.12, 0.76), facecolors=colour, alpha=alpha)


def time_axis(axes: Axes, length_s: float) -> None:
    """Write the times below the last panel."""
    from matplotlib.ticker import FuncFormatter, MultipleLocator

    step_s = time_step_s(length_s, MAX_TIMES) or length_s / 10
    axes.xaxis.set_major_locator(MultipleLocator(step_s))
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda time_s, _: clock(time_s) if step_s >= 1 else f"{time_s:.1f} s")
    )
    axes.set_xlim(0, length_s)
