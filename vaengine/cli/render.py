"""`vaengine render` and `vaengine plot`: results as people look at them.

Parses, calls, prints the path that was written.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from vaengine import __version__
from vaengine.cli.options import Db, Out, Verbose
from vaengine.console.output import print_lines, say

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from schemas.storage.backend import ResultStore, StorageBackend
    from vaengine.rendering.render import RenderProgress
    from vaengine.rendering.source_marks import SourceMark

LINE_SECONDS: Final = 5.0  # between two lines of progress where there is no terminal

Force = Annotated[
    bool, typer.Option("--force", help="Replace the file also if it is up to date, or not by vaengine.")
]


def render(
    video: Annotated[
        str, typer.Argument(metavar="VIDEO", help="Video id, its beginning, a file's name or path.")
    ],
    out: Out = None,
    db: Db = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help=".mp4 or .mkv.  [default: DIR/VIDEO_ID/annotated.mp4]"
        ),
    ] = None,
    force: Force = False,
    start: Annotated[
        float | None, typer.Option(min=0.0, metavar="S", help="Begin so many seconds after the first frame.")
    ] = None,
    end: Annotated[float | None, typer.Option(min=0.0, metavar="S", help="End there.")] = None,
    crf: Annotated[
        int, typer.Option(min=0, max=51, metavar="N", help="x264's quality: lower is better and larger.")
    ] = 20,
    no_audio: Annotated[bool, typer.Option("--no-audio", help="Leave the sound out.")] = False,
    labels: Annotated[
        bool, typer.Option("--labels/--no-labels", help="Ids and confidences at the boxes.")
    ] = True,
    subtitles: Annotated[
        bool, typer.Option("--subtitles/--no-subtitles", help="What is said, at the bottom of the picture.")
    ] = True,
    min_confidence: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=1.0,
            metavar="C",
            help="Leave out boxes of persons and faces that are less sure than this.",
        ),
    ] = 0.0,
    untracked: Annotated[
        bool, typer.Option("--untracked", help="Draw boxes of persons in no track too.")
    ] = False,
    verbose: Verbose = False,
) -> None:
    """Draw boxes, poses, faces and subtitles into a video."""
    from vaengine.process.signals import Signals
    from vaengine.rendering.frame_composer import BoxFilter
    from vaengine.rendering.render import RenderOptions
    from vaengine.rendering.render import render as rendered
    from vaengine.requests.store_location import opened
    from vaengine.results.lookup import results_of

    shown = BoxFilter(min_confidence, with_untracked=untracked)
    options = RenderOptions(
        start, end, crf, with_sound=not no_audio, with_labels=labels, with_subtitles=subtitles, shown=shown
    )
    with closing(opened(out, db)) as store:
        results = results_of(store, video)
    target = output or _placed(out, db, Path(results.video.video_id) / f"annotated{_stretch(start, end)}.mp4")
    with Signals(), _progress() as listener:
        done = rendered(results, target, options, force=force, listener=listener)
    if done.is_current:
        say(f"{target.name} is up to date")
    else:
        say(
            f"{_pace(done)}, of which drawing took {1000 * done.draw_s / max(1, done.frames_done):.1f} ms a "
            "frame"
        )
    print_lines([str(target)])


def plot(
    named: Annotated[
        str | None,
        typer.Argument(
            metavar="[VIDEO|BATCH]", help="As for render, or a batch.  [default: the whole store]"
        ),
    ] = None,
    out: Out = None,
    db: Db = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help=".png, .svg or .pdf.  [default: DIR/VIDEO_ID/timeline.png]"
        ),
    ] = None,
    force: Force = False,
    picture_format: Annotated[
        str | None,
        typer.Option("--format", metavar="FORMAT", help="png, svg or pdf.  [default: by the ending]"),
    ] = None,
    verbose: Verbose = False,
) -> None:
    """Plot a timeline of a video, or an overview of a batch."""
    from vaengine.plotting.video_plot import FORMATS, format_for, picture_bytes
    from vaengine.rendering.output_file import check_target, whole_file
    from vaengine.requests.store_location import opened

    told = format_for(output or Path(f"plot.{FORMATS[0]}"), picture_format)
    with closing(opened(out, db)) as store:
        meant = _plotted(store, named)
    target = output or _placed(out, db, meant.place.with_name(f"{meant.place.name}.{told}"))
    if check_target(target, force=force, mark=meant.mark):
        with whole_file(target) as file:
            file.write(picture_bytes(meant.draw(), told, meant.mark))
    else:
        say(f"{target.name} is up to date")
    print_lines([str(target)])


@dataclass(frozen=True, slots=True)
class _Plot:
    """A plot that is meant: where it belongs among the results, without an ending, what it shows, and
    what draws it.
    """

    place: Path
    mark: SourceMark
    draw: Callable[[], Figure]


def _plotted(store: StorageBackend, named: str | None) -> _Plot:
    from schemas.errors import NotFound
    from vaengine.results.lookup import one_beginning_with

    batches = [batch.batch_id for batch in store.batches()]
    if named is None:
        return _batch_plot(store, None)
    if named in batches:
        return _batch_plot(store, named)
    try:
        return _video_plot(store, named)
    except NotFound:
        begun = one_beginning_with(named, batches, "batch")
        if begun is None:
            raise
        return _batch_plot(store, begun)


def _video_plot(store: ResultStore, named: str) -> _Plot:
    from vaengine.plotting.video_plot import plot_results
    from vaengine.rendering.source_marks import mark_of
    from vaengine.results.lookup import results_of

    results = results_of(store, named)
    return _Plot(
        Path(results.video.video_id) / "timeline", mark_of("plot", results), partial(plot_results, results)
    )


def _batch_plot(store: StorageBackend, batch_id: str | None) -> _Plot:
    from vaengine.plotting.batch_plot import draw
    from vaengine.plotting.batch_tally import tally
    from vaengine.rendering.source_marks import SourceMark, digest_of

    seen = tally(store, batch_id)
    mark = SourceMark("plot", f"batch {batch_id}" if batch_id else "store", digest_of(__version__, seen))
    return _Plot(Path(f"overview_{batch_id}" if batch_id else "overview"), mark, partial(draw, seen))


def _placed(out: str | None, db: str | None, place: Path) -> Path:
    """Where a picture belongs among the results; raises `LeadsOut` where a link would have it written
    elsewhere.
    """
    from actors.stores.rules.erasure_text import require_inside
    from vaengine.requests.store_location import results_folder

    folder = results_folder(out, db)
    target = folder / place
    require_inside(target.parent, folder)
    return target


def _stretch(start_s: float | None, end_s: float | None) -> str:
    """What tells a stretch's file from that of the whole video: `_12-20.5`."""
    return (
        ""
        if start_s is None and end_s is None
        else f"_{start_s or 0:g}-{'end' if end_s is None else f'{end_s:g}'}"
    )


def _pace(progress: RenderProgress) -> str:
    from vaengine.console.units import clock

    frames = f"{progress.frames_done:,} of {progress.frames_total:,} frames in {clock(progress.elapsed_s)}"
    return f"{frames} ({progress.frames_done / max(1e-9, progress.elapsed_s):.0f} a second)"


@contextmanager
def _progress() -> Iterator[Callable[[RenderProgress], None]]:
    """A bar on a terminal, else a line every few seconds; on standard error."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from vaengine.reporting.progress_text import Every

    console = Console(stderr=True)
    if not console.is_terminal or console.is_dumb_terminal:
        every = Every(LINE_SECONDS, last=time.monotonic())
        yield lambda progress: say(_pace(progress)) if every.due() else None
        return
    columns = (
        BarColumn(),
        TextColumn("{task.completed:,.0f}/{task.total:,.0f} frames"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("render", total=1)
        yield lambda progress: bar.update(task, total=progress.frames_total, completed=progress.frames_done)
