"""What all plots share: sizes, colours, fonts, the time axis, and stacked panels."""

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

WIDTH_IN: Final = 12.0
LANE_IN: Final = 0.17
FACTS_LENGTH: Final = 165  # letters of a line below the title
BINS: Final = 240
DPI: Final = 110
BLUE: Final = "#0072B2"
GREY: Final = "#6B6B6B"
MOST_TIMES: Final = 14
_FACTS: Final = re.compile(r"(?<=;) | (?=· )")  # where a line of facts may be broken
_NO_STYLE: Final = frozenset(
    {"backend", "backend_fallback", "interactive", "toolbar"}
)  # what a session has chosen stays
_STYLE: Final[dict[Any, Any]] = {
    "svg.hashsalt": "vaengine",  # else ids in the file are random
    "pdf.fonttype": 42,  # letters stay letters, as publishers ask
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


@dataclass(frozen=True, slots=True)
class Panel:
    """A part of a plot over time: how high it is, and what draws it."""

    height_in: float
    draw: Callable[[Axes], None]


@contextmanager
def style() -> Iterator[None]:
    """What every plot looks like, whatever the user's own settings; they are put back."""
    import matplotlib as mpl

    usual = {key: value for key, value in mpl.rcParamsDefault.items() if key not in _NO_STYLE}
    with mpl.rc_context({**usual, **_STYLE}):
        yield


def title_figure(figure: Figure, title: str) -> None:
    """The first line large, the rest small above the first panel."""
    name, _, facts = title.partition("\n")
    if name:
        figure.suptitle(name, x=0.01, ha="left", fontsize=12, fontweight="bold")
    if facts:
        figure.get_axes()[0].set_title(wrapped(facts, FACTS_LENGTH), loc="left", fontsize=8.5, color=GREY)


def wrapped(facts: str, length: int) -> str:
    """In lines of at most `length` letters, broken behind ` · ` and `;`, and within a fact only where it
    is longer than a line.
    """
    whole = [fact if len(fact) > length else fact.replace(" ", "\xa0") for fact in _FACTS.split(facts)]
    return textwrap.fill(" ".join(whole), length, break_on_hyphens=False).replace("\xa0", " ")


def name_panel(axes: Axes, name: str) -> None:
    """To the left of it."""
    axes.set_ylabel(name, rotation=0, ha="right", va="center")


def note_above(axes: Axes, text: str) -> None:
    """What is drawn in a panel, in small letters above its right end."""
    axes.text(1.0, 1.02, text, transform=axes.transAxes, ha="right", va="bottom", fontsize=7, color=GREY)


def say_if_empty(axes: Axes, there: Sequence[Any], text: str) -> None:
    """In the middle of a panel without anything."""
    if not there:
        axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=GREY)


def lane_axis(axes: Axes, names: Sequence[str], lanes: int) -> None:
    """Room for lanes from the top down, and the names of the first of them to their left."""
    axes.set_ylim(max(1, lanes), 0)
    axes.set_yticks([lane + 0.5 for lane in range(len(names))], list(names), fontsize=7)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#E3E3E3", linewidth=0.5)
    axes.set_axisbelow(True)


def draw_bars(axes: Axes, lane: int, bars: Sequence[Bar], colour: str, alpha: float | None = None) -> None:
    """Bars of one colour into a lane of `lane_axis`, which counts from 0 at the top."""
    runs = [(bar.start_s, bar.end_s - bar.start_s) for bar in bars]
    axes.broken_barh(runs, (lane + 0.12, 0.76), facecolors=colour, alpha=alpha)


def time_axis(axes: Axes, length_s: float) -> None:
    """Times below the last panel."""
    from matplotlib.ticker import FuncFormatter, MultipleLocator

    step = time_step_s(length_s, MOST_TIMES) or length_s / 10
    axes.xaxis.set_major_locator(MultipleLocator(step))
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda time_s, _: clock(time_s) if step >= 1 else f"{time_s:.1f} s")
    )
    axes.set_xlim(0, length_s)
