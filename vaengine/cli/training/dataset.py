"""`vaengine dataset build`: pictures of a store, to train on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from schemas.errors import UsageError
from schemas.pipelines import source_named
from vaengine.cli.options import Db, Json, Out, Source, Verbose
from vaengine.cli.results.export import Batch, QueryName, Videos
from vaengine.console.output import emit, print_lines, print_table, say

if TYPE_CHECKING:
    from vaengine.training.dataset.build import BuildProgress, BuiltDataset
    from vaengine.training.dataset.request import DatasetRequest

LINE_SECONDS: Final = 5.0  # between two lines of progress

dataset_app = typer.Typer(help="Build datasets from what is in a store.", rich_markup_mode=None)

Kind = Annotated[
    str,
    typer.Option(
        metavar="KIND",
        help="person: frames with boxes; face: faces that are cut out, by who it is; scene: frames by class.",
    ),
]
Folder = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="DIR", help="Folder to write.  [default: DIR/datasets/KIND]"),
]
Force = Annotated[bool, typer.Option("--force", help="Replace an earlier dataset in that folder.")]
Boxes = Annotated[
    str, typer.Option("--boxes", metavar="LIST", help="Of a person set: boxes of person, of face, or both.")
]
Class = Annotated[
    list[str] | None,
    typer.Option(
        "--class",
        metavar="NAME=QUERY",
        help="Of a scene set: a class, and a query (a file, or the name of a saved one) for its moments.",
    ),
]
Every = Annotated[
    str,
    typer.Option(metavar="TIME", help="Pictures of a video, or of a face in it, are at least so far apart."),
]
MaxPictures = Annotated[
    int, typer.Option("--max-per-video", min=1, metavar="N", help="At most so many pictures of a video.")
]
MinConfidence = Annotated[
    float, typer.Option(min=0.0, max=1.0, metavar="C", help="The machine's boxes count from here on.")
]
Split = Annotated[
    str, typer.Option(metavar="SHARES", help="Per cent of pictures for train, val and test, as 80/20/0.")
]
Seed = Annotated[int, typer.Option(metavar="N", help="Another number gives another split.")]
KeepDuplicates = Annotated[bool, typer.Option("--keep-duplicates", help="Take near-duplicates too.")]


@dataset_app.command("build")
def dataset_build(
    videos: Videos = None,
    out: Out = None,
    db: Db = None,
    kind: Kind = "person",
    query: QueryName = None,
    batch: Batch = None,
    output: Folder = None,
    force: Force = False,
    boxes: Boxes = "person",
    classes: Class = None,
    every: Every = "1s",
    max_pictures: MaxPictures = 500,
    min_confidence: MinConfidence = 0.5,
    source: Source = "corrected",
    split: Split = "70/15/15",
    seed: Seed = 0,
    keep_duplicates: KeepDuplicates = False,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Write a dataset of pictures, in which nobody is in two splits."""
    from vaengine.api.training import build_dataset
    from vaengine.process.signals import Signals
    from vaengine.queries.language.flags import seconds_of
    from vaengine.training.dataset.request import Shares

    request = _request(
        kind=kind,
        classes=tuple(name.strip() for name in boxes.split(",")),
        every_s=seconds_of(every),
        max_pictures=max_pictures,
        min_confidence=min_confidence,
        source=source,
        shares=Shares.of(split),
        seed=seed,
        drop_duplicates=not keep_duplicates,
    )
    with Signals(), _progress() as listener:
        found = build_dataset(
            output,
            request,
            videos=tuple(videos or ()),
            query=query,
            batch=batch,
            classes=dict(map(_class, classes or ())),
            out=out,
            db=db,
            force=force,
            listener=listener,
        )
    _tell(found, as_json=as_json)


def _request(**values: object) -> DatasetRequest:
    from vaengine.training.dataset.request import DatasetRequest

    source_named(str(values["source"]))
    try:
        return DatasetRequest(**values)  # type: ignore[arg-type]
    except ValueError as error:
        raise UsageError(str(error)) from error


def _class(text: str) -> tuple[str, str]:
    name, equals, query = text.partition("=")
    if not (name.strip() and equals and query.strip()):
        raise UsageError(f"--class takes NAME=QUERY, as kitchen=kitchen.yaml, not {text!r}")
    return name.strip(), query.strip()


def _tell(found: BuiltDataset, *, as_json: bool) -> None:
    from vaengine.training.dataset.presentation import left_out_table, splits_table

    if as_json:
        emit("dataset", found, folder=str(found.folder))
        return
    print_table(splits_table(found))
    print_table(left_out_table(found))
    for note in found.notes:
        say(f"note: {note}")
    print_lines(["", str(found.folder)])


@contextmanager
def _progress() -> Iterator[Callable[[BuildProgress], None]]:
    """A context whose listener says every few seconds how far a dataset is."""
    import time

    from vaengine.console.units import counted
    from vaengine.reporting.displays import Throttle

    throttle = Throttle(LINE_SECONDS, last=time.monotonic())

    def tell(progress: BuildProgress) -> None:
        if throttle.due():
            say(f"{counted(progress.pictures, 'picture')} cut out of {counted(progress.videos, 'video')}")

    yield tell
