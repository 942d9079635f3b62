"""`vaengine render` and `vaengine plot`: commands that draw results into a video or a figure."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from schemas.pipelines import source_named
from vaengine import __version__
from vaengine.cli.options import Db, Out, Source, Verbose
from vaengine.console.output import print_lines, say

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from schemas.pipelines import AnsweredBy
    from schemas.storage.backend import StorageBackend
    from vaengine.rendering.render import RenderProgress
    from vaengine.rendering.source_marks import SourceMark

LINE_SECONDS: Final = 5.0  # between two lines of progress without a terminal

VideoName = Annotated[
    str, typer.Argument(metavar="VIDEO", help="Video id, its beginning, a file's name or path.")
]
VideoFile = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="FILE", help=".mp4 or .mkv.  [default: DIR/VIDEO_ID/annotated.mp4]"
    ),
]
Start = Annotated[
    float | None, typer.Option(min=0.0, metavar="S", help="Begin so many seconds after the first frame.")
]
End = Annotated[float | None, typer.Option(min=0.0, metavar="S", help="End there.")]
Crf = Annotated[
    int, typer.Option(min=0, max=51, metavar="N", help="x264's quality: lower is better and larger.")
]
NoAudio = Annotated[bool, typer.Option("--no-audio", help="Leave the sound out.")]
Labels = Annotated[bool, typer.Option("--labels/--no-labels", help="Ids and confidences at the boxes.")]
Subtitles = Annotated[
    bool, typer.Option("--subtitles/--no-subtitles", help="What is said, at the bottom of the picture.")
]
MinConfidence = Annotated[
    float,
    typer.Option(
        min=0.0,
        max=1.0,
        metavar="C",
        help="Leave out boxes of persons and faces that are less sure than this.",
    ),
]
Untracked = Annotated[bool, typer.Option("--untracked", help="Draw boxes of persons in no track too.")]
PlotName = Annotated[
    str | None,
    typer.Argument(metavar="[VIDEO|BATCH]", help="As for render, or a batch.  [default: the whole store]"),
]
PlotFile = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="FILE", help=".png, .svg or .pdf.  [default: DIR/VIDEO_ID/timeline.png]"
    ),
]
PlotFormat = Annotated[
    str | None,
    typer.Option("--format", metavar="FORMAT", help="png, svg or pdf.  [default: by the ending]"),
]
Force = Annotated[
    bool, typer.Option("--force", help="Replace the file also if it is up to date, or not by vaengine.")
]


def render(
    video: VideoName,
    out: Out = None,
    db: Db = None,
    output: VideoFile = None,
    force: Force = False,
    start: Start = None,
    end: End = None,
    crf: Crf = 20,
    no_audio: NoAudio = False,
    labels: Labels = True,
    subtitles: Subtitles = True,
    min_confidence: MinConfidence = 0.0,
    untracked: Untracked = False,
    source: Source = "machine",
    verbose: Verbose = False,
) -> None:
    """Draw boxes, poses, faces and subtitles into a video."""
    from vaengine.people.naming import with_names
    from vaengine.process.signals import Signals
    from vaengine.rendering import render as rendering
    from vaengine.rendering.frame_composer import BoxFilter
    from vaengine.requests.store_location import opened
    from vaengine.results.lookup import results_of

    boxes = BoxFilter(min_confidence, with_untracked=untracked)
    options = rendering.RenderOptions(
        start, end, crf, with_sound=not no_audio, with_labels=labels, with_subtitles=subtitles, shown=boxes
    )
    with closing(opened(out, db)) as store:
        results = results_of(store, video, source_named(source))
        _tell_corrections(store, results.video.video_id, source)
        rows = with_names(store, results.video.video_id, results.annotations, ascii_only=True)
        results = replace(results, annotations=rows)
    default = Path(results.video.video_id) / f"annotated{_segment_suffix(start, end)}.mp4"
    target = output or _in_results(out, db, default)
    with Signals(), _progress() as listener:
        progress = rendering.render(results, target, options, force=force, listener=listener)
    if progress.is_current:
        say(f"{target.name} is up to date")
    else:
        draw_ms = 1000 * progress.draw_s / max(1, progress.frames_done)
        say(f"{_pace(progress)}, of which drawing took {draw_ms:.1f} ms a frame")
    print_lines([str(target)])


def plot(
    name: PlotName = None,
    out: Out = None,
    db: Db = None,
    output: PlotFile = None,
    force: Force = False,
    plot_format: PlotFormat = None,
    source: Source = "machine",
    verbose: Verbose = False,
) -> None:
    """Plot a timeline of a video, or an overview of a batch."""
    from vaengine.plotting.video_plot import FORMATS, format_for, picture_bytes
    from vaengine.rendering.output_file import check_target, whole_file
    from vaengine.requests.store_location import opened

    file_format = format_for(output or Path(f"plot.{FORMATS[0]}"), plot_format)
    with closing(opened(out, db)) as store:
        chosen = _plot_of(store, name, source_named(source))
    default = chosen.place.with_name(f"{chosen.place.name}.{file_format}")
    target = output or _in_results(out, db, default)
    if check_target(target, force=force, mark=chosen.mark):
        with whole_file(target) as file:
            file.write(picture_bytes(chosen.draw(), file_format, chosen.mark))
    else:
        say(f"{target.name} is up to date")
    print_lines([str(target)])


@dataclass(frozen=True, slots=True)
class _Plot:
    """A plot that can be drawn: its path among the results without an ending, and its source mark."""

    place: Path
    mark: SourceMark
    draw: Callable[[], Figure]


def _plot_of(store: StorageBackend, name: str | None, source: AnsweredBy) -> _Plot:
    """The plot of a batch, of a video, or of the whole store without a name; raises `NotFound`."""
    from schemas.errors import NotFound
    from vaengine.results.lookup import one_beginning_with

    batch_ids = [batch.batch_id for batch in store.batches()]
    if name is None:
        return _batch_plot(store, None)
    if name in batch_ids:
        return _batch_plot(store, name)
    try:
        return _video_plot(store, name, source)
    except NotFound:
        batch_id = one_beginning_with(name, batch_ids, "batch")
        if batch_id is None:
            raise
        return _batch_plot(store, batch_id)


def _video_plot(store: StorageBackend, name: str, source: AnsweredBy) -> _Plot:
    from vaengine.people.naming import with_names
    from vaengine.plotting.video_plot import plot_results
    from vaengine.rendering.source_marks import mark_of
    from vaengine.results.lookup import results_of

    results = results_of(store, name, source)
    _tell_corrections(store, results.video.video_id, source)
    rows = with_names(store, results.video.video_id, results.annotations)
    results = replace(results, annotations=rows)
    return _Plot(
        Path(results.video.video_id) / "timeline", mark_of("plot", results), partial(plot_results, results)
    )


def _tell_corrections(store: StorageBackend, video_id: str, source: str) -> None:
    """Say that people have corrected what is drawn here as the machine found it."""
    from vaengine.results.lookup import corrected_videos

    if source == "machine" and corrected_videos(store, [video_id]):
        say("people corrected this video: `--source corrected` draws that")


def _batch_plot(store: StorageBackend, batch_id: str | None) -> _Plot:
    from vaengine.plotting.batch_plot import draw
    from vaengine.plotting.batch_tally import tally
    from vaengine.rendering.source_marks import SourceMark, digest_of

    content = tally(store, batch_id)
    mark = SourceMark("plot", f"batch {batch_id}" if batch_id else "store", digest_of(__version__, content))
    return _Plot(Path(f"overview_{batch_id}" if batch_id else "overview"), mark, partial(draw, content))


def _in_results(out: str | None, db: str | None, place: Path) -> Path:
    """The path of a file in the results folder; raises `LeadsOut` if a link leads out of the folder."""
    from actors.stores.rules.erasure_text import require_inside
    from vaengine.requests.store_location import results_folder

    folder = results_folder(out, db)
    target = folder / place
    require_inside(target.parent, folder)
    return target


def _segment_suffix(start_s: float | None, end_s: float | None) -> str:
    """The end of the file name for a part of a video, such as `_12-20.5`; empty for the whole video."""
    if start_s is None and end_s is None:
        return ""
    return f"_{start_s or 0:g}-{'end' if end_s is None else f'{end_s:g}'}"


def _pace(progress: RenderProgress) -> str:
    from vaengine.console.units import clock

    frames = f"{progress.frames_done:,} of {progress.frames_total:,} frames in {clock(progress.elapsed_s)}"
    return f"{frames} ({progress.frames_done / max(1e-9, progress.elapsed_s):.0f} a second)"


@contextmanager
def _progress() -> Iterator[Callable[[RenderProgress], None]]:
    """A context whose listener shows progress on standard error.

    It is a bar on a terminal, else a line every `LINE_SECONDS`.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from vaengine.reporting.displays import Throttle

    console = Console(stderr=True)
    if not console.is_terminal or console.is_dumb_terminal:
        throttle = Throttle(LINE_SECONDS, last=time.monotonic())
        yield lambda progress: say(_pace(progress)) if throttle.due() else None
        return
    columns = (
        BarColumn(),
        TextColumn("{task.completed:,.0f}/{task.total:,.0f} frames"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("render", total=1)
        yield lambda progress: bar.update(task, total=progress.frames_total, completed=progress.frames_done)
