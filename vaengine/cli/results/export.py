"""`vaengine export`: results as files that other tools open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from schemas.errors import UsageError
from schemas.pipelines import source_named
from vaengine.cli.options import Db, Json, Out, Source, Verbose
from vaengine.console.output import Table, emit, print_lines, print_table, say

if TYPE_CHECKING:
    from vaengine.exporting.export import Export, ExportProgress

LINE_SECONDS: Final = 5.0  # between two lines of progress

FormatName = Annotated[
    str | None, typer.Argument(metavar="FORMAT", help="csv, coco, elan, ...; `--list` shows all.")
]
Videos = Annotated[
    list[str] | None,
    typer.Argument(metavar="[VIDEO]...", help="Ids, paths or file names.  [default: the whole store]"),
]
QueryName = Annotated[
    str | None,
    typer.Option(
        "--query", metavar="FILE|NAME", help="Only what this query finds: a file, or the name of a saved one."
    ),
]
Batch = Annotated[str | None, typer.Option(metavar="BATCH", help="Only videos of this batch.")]
Folder = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="DIR", help="Folder to write.  [default: DIR/exports/FORMAT]"),
]
Force = Annotated[bool, typer.Option("--force", help="Replace an earlier export in that folder.")]
Interpolate = Annotated[
    bool, typer.Option("--interpolate", help="Add boxes in straight lines between sampled frames.")
]
MinConfidence = Annotated[
    float, typer.Option(min=0.0, max=1.0, metavar="C", help="Leave out rows that are less sure than this.")
]
Pictures = Annotated[
    bool | None,
    typer.Option(
        "--pictures/--no-pictures", help="Cut frames out of the videos.  [default: as the format needs]"
    ),
]
Bom = Annotated[bool, typer.Option("--bom", help="Begin CSV files so that Excel reads them as UTF-8.")]
ListFormats = Annotated[bool, typer.Option("--list", help="List the formats, and end.")]


def export(
    format_name: FormatName = None,
    videos: Videos = None,
    out: Out = None,
    db: Db = None,
    query: QueryName = None,
    batch: Batch = None,
    source: Source = "machine",
    output: Folder = None,
    force: Force = False,
    interpolate: Interpolate = False,
    min_confidence: MinConfidence = 0.0,
    pictures: Pictures = None,
    bom: Bom = False,
    list_formats: ListFormats = False,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Write results as files of other tools, such as COCO, BORIS, ELAN and CVAT."""
    if list_formats:
        _list()
        return
    if format_name is None:
        raise UsageError(
            "say which format, such as `vaengine export csv`; `vaengine export --list` lists them"
        )
    from vaengine.api.export import export as write
    from vaengine.exporting.values.options import ExportOptions
    from vaengine.process.signals import Signals

    options = ExportOptions(interpolate, min_confidence, pictures, bom, source_named(source))
    with Signals(), _progress() as listener:
        found = write(
            format_name,
            output,
            videos=tuple(videos or ()),
            query=query,
            batch=batch,
            out=out,
            db=db,
            options=options,
            force=force,
            listener=listener,
        )
    if as_json:
        emit("export", found, folder=str(found.folder))
    else:
        _tell(found)


def _list() -> None:
    from vaengine.exporting.registry import formats

    rows = tuple((one.name, one.opened_by, ", ".join(one.kinds)) for one in formats())
    print_table(Table(("format", "opened by", "holds"), rows))


def _tell(found: Export) -> None:
    from vaengine.console.units import counted, size

    rows, bytes_written = sum(found.rows.values()), sum(found.files.values())
    say(
        f"{counted(rows, 'row')} of {counted(found.videos, 'video')} in {counted(len(found.files), 'file')}, "
        f"{size(bytes_written)}"
    )
    for loss in found.losses:
        say(f"lost: {counted(loss.rows, f'{loss.kind} row')}: {loss.reason}")
    for line in found.left_out:
        say(f"lost: {line}")
    if found.uncorrected:
        say(f"people corrected {counted(found.uncorrected, 'video')} of these: `--source corrected` has that")
    print_lines([str(found.folder)])


@contextmanager
def _progress() -> Iterator[Callable[[ExportProgress], None]]:
    """A context whose listener says every few seconds how far an export is."""
    import time

    from vaengine.console.units import clock, counted
    from vaengine.reporting.displays import Throttle

    throttle = Throttle(LINE_SECONDS, last=time.monotonic())

    def tell(progress: ExportProgress) -> None:
        if throttle.due():
            files = counted(progress.files, "file")
            say(f"{counted(progress.rows, 'row')} read, {files} written in {clock(progress.elapsed_s)}")

    yield tell
