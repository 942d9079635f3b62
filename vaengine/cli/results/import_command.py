"""`vaengine import`: takes annotations that people made in another tool into the store."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vaengine.cli.options import Db, Json, Out, Verbose
from vaengine.console.output import emit, emit_each, print_lines, say

if TYPE_CHECKING:
    from vaengine.importing.import_file import ImportedInto, ImportReport

File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        help="A file of CVAT, Label Studio, DIVE, VIAME, ELAN, BORIS, VIA, Audacity or VideoAnnotator, or "
        "COCO's JSON.",
    ),
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="NAME",
        help="cvat, label-studio, dive, viame, eaf, boris, coco, via, audacity or videoannotator.  "
        "[default: by the content]",
    ),
]
OfVideo = Annotated[
    str | None,
    typer.Option("--video", metavar="VIDEO", help="The stored video.  [default: as the file says]"),
]
Part = Annotated[
    str | None, typer.Option("--part", metavar="NAME", help="Only this observation or task of the file.")
]
Fps = Annotated[
    str | None,
    typer.Option(
        "--fps", metavar="RATE", help="Frames a second in which the file counts, as 25 or 30000/1001."
    ),
]
Label = Annotated[
    list[str] | None,
    typer.Option(
        "--label",
        metavar="LABEL=KIND",
        help="What a label or tier is: person, face, scene, speech, word, speaker, voice, sound, behavior or "
        "none. May be repeated.",
    ),
]
Annotator = Annotated[
    str, typer.Option("--annotator", metavar="NAME", help="Who made it, for `vaengine compare`.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only check, and say what would be imported.")]


def import_annotations(
    file: File,
    out: Out = None,
    db: Db = None,
    format_name: Format = None,
    video: OfVideo = None,
    part: Part = None,
    fps: Fps = None,
    label: Label = None,
    annotator: Annotator = "",
    dry_run: DryRun = False,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Take annotations of another tool into the store, beside the machine's."""
    from vaengine.api.importing import import_request, opened_to_write
    from vaengine.importing.import_file import import_file

    request = import_request(file, format_name, video, part, fps, label or (), annotator)
    with closing(opened_to_write(out, db)) as store:
        report = import_file(store, request, dry_run=dry_run)
    _print(report, dry_run=dry_run, as_json=as_json)


def _print(report: ImportReport, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        emit_each("import", report.videos)
        emit("report", file=report.file, format=report.format, new=report.is_new, names=report.names)
        return
    for one in report.videos:
        print_lines([_line(one, dry_run=dry_run)])
        for label, count in sorted(one.left_out.items()):
            say(f"{count} of {label!r} left out: --label {label!r}=KIND takes them in")
        for note in one.notes:
            say(note)
    print_lines(report.names)


def _line(one: ImportedInto, *, dry_run: bool) -> str:
    if not one.is_new:
        return f"{one.video_id}: nothing new, all of it was imported before"
    counts = ", ".join(f"{count:,} {kind}" for kind, count in one.rows.items()) or "0 annotations"
    return f"{one.video_id}: {counts}{' would be imported' if dry_run else ''}"
