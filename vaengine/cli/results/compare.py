"""`vaengine compare`: how far two results of the same videos agree."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vaengine.cli.options import Db, Json, Out, Verbose
from vaengine.console.output import emit, emit_each, print_lines, print_table, say

if TYPE_CHECKING:
    from vaengine.comparing.comparison import Comparison

_SIDE = "human, human:ANNOTATOR, machine, a preset, or the beginning of the id of a batch or configuration."
First = Annotated[str, typer.Argument(metavar="[A]", help=f"Taken as true: {_SIDE}")]
Second = Annotated[str, typer.Argument(metavar="[B]", help="What it is compared with, likewise.")]
InVideo = Annotated[
    list[str] | None, typer.Option("--video", metavar="VIDEO", help="Only this video; may be repeated.")
]
Iou = Annotated[float, typer.Option("--iou", metavar="SHARE", help="Overlap from which boxes are the same.")]
Step = Annotated[float, typer.Option("--step", metavar="SECONDS", help="Length of the steps of time.")]
ByVideo = Annotated[bool, typer.Option("--by-video", help="A line for each video, too.")]
Plot = Annotated[
    Path | None, typer.Option("--plot", metavar="FILE", help="Also draw the numbers: .png, .svg or .pdf.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace the picture if it is there.")]


def compare(
    a: First = "human",
    b: Second = "machine",
    out: Out = None,
    db: Db = None,
    video: InVideo = None,
    iou: Iou = 0.5,
    step: Step = 0.1,
    by_video: ByVideo = False,
    plot: Plot = None,
    force: Force = False,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show how far two results of the same videos agree."""
    from vaengine.comparing.comparison import compare as compare_in
    from vaengine.plotting.comparison_plot import comparison_target, write_comparison
    from vaengine.requests.store_location import opened

    target = comparison_target(plot, force=force) if plot is not None else None
    with closing(opened(out, db)) as store:
        found = compare_in(store, a, b, videos=tuple(video or ()), min_iou=iou, step_s=step)
    _print(found, by_video=by_video, as_json=as_json)
    if target is not None:
        path = write_comparison(found, target)
        if as_json:
            emit("plot", path=str(path))
        else:
            print_lines([str(path)])


def _print(found: Comparison, *, by_video: bool, as_json: bool) -> None:
    from vaengine.comparing.presentation import comparison_table, summary

    if as_json:
        data = found.to_data()
        emit_each("agreement", [*data.pop("total"), *data.pop("by_video")])
        emit("report", data)
        return
    for line in summary(found):
        say(line)
    print_table(comparison_table(found))
    if by_video:
        print_table(comparison_table(found, by_video=True))
