"""A comparison as a table and in words."""

from __future__ import annotations

from collections.abc import Iterator

from vaengine.comparing.comparison import Agreement, Comparison
from vaengine.console.output import Table
from vaengine.console.units import counted

_NONE = "-"
TITLES = (
    "what",
    "A",
    "B",
    "both",
    "precision",
    "recall",
    "IoU",
    "HOTA",
    "agreement",
    "kappa",
    "start",
    "end",
)


def comparison_table(comparison: Comparison, *, by_video: bool = False) -> Table:
    """A line for each kind and label, of all videos or of each."""
    lines = comparison.by_video if by_video else comparison.total
    titles = ("video", *TITLES) if by_video else TITLES
    rows = ((*([one.video_id or ""] if by_video else []), *cells(one)) for one in lines)
    return Table(titles, tuple(rows))


def cells(one: Agreement) -> tuple[str, ...]:
    """The numbers of a line: shares with two digits, errors in seconds."""
    name = f"{one.kind} {one.label}" if one.label else one.kind
    if one.boxes is not None:
        box = one.boxes
        counts = f"{box.boxes_a:,}", f"{box.boxes_b:,}", f"{box.matched:,}"
        shares = map(_share, (box.precision, box.recall, box.mean_iou, box.hota))
        return (name, *counts, *shares, _NONE, _NONE, _NONE, _NONE)
    time = one.time
    assert time is not None, "an agreement is of boxes or of time"
    counts = f"{time.count_a:,}", f"{time.count_b:,}", f"{time.matched:,}"
    shares = map(_share, (time.precision, time.recall))
    agreed = map(_share, (time.agreement, time.kappa))
    errors = map(_seconds, (time.start_error_s, time.end_error_s))
    return (name, *counts, *shares, _NONE, _NONE, *agreed, *errors)


def _share(value: float | None) -> str:
    return _NONE if value is None else f"{value:.2f}"


def _seconds(value: float | None) -> str:
    return _NONE if value is None else f"{value:.2f} s"


def summary(comparison: Comparison) -> Iterator[str]:
    """Lines about what was compared, and what was not."""
    videos = counted(len(comparison.videos), "video")
    yield f"A is {comparison.a}, taken as true; B is {comparison.b}; {videos}"
    for side, count, other in (
        (comparison.a, comparison.only_a, comparison.b),
        (comparison.b, comparison.only_b, comparison.a),
    ):
        if count:
            results = counted(count, "result")
            yield f"{results} of {side} not compared: {other} has none of that video and pipeline"
