"""`vaengine.import_annotations`: takes annotations that people made in another tool into a store."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.errors import UsageError
from vaengine.importing.import_file import ImportReport, ImportRequest, import_file
from vaengine.importing.labels import LabelRules
from vaengine.importing.readers.parsing import rate_of
from vaengine.requests.store_location import stored_at

if TYPE_CHECKING:
    from schemas.storage.backend import StorageBackend


def import_annotations(
    file: str | os.PathLike[str],
    *,
    out: str | os.PathLike[str] | None = None,
    db: str | None = None,
    format: str | None = None,
    video: str | None = None,
    part: str | None = None,
    fps: float | str | Fraction | None = None,
    labels: Mapping[str, str] | None = None,
    annotator: str = "",
    dry_run: bool = False,
) -> ImportReport:
    """Import a file of CVAT, Label Studio, DIVE, VIAME, ELAN, BORIS, VIA or COCO beside other results.

    `labels` says what labels and tiers of the file are, as kinds of a query; `fps` in which rate it counts
    frames, `annotator` who made it. With `dry_run` nothing is stored. Raises `UnreadableImport`,
    `WrongFrameRate`, `WrongVideo` and `NotFound`, with nothing stored.
    """
    rules = [f"{label}={kind}" for label, kind in (labels or {}).items()]
    rate = str(fps) if fps is not None else None
    request = import_request(Path(file), format, video, part, rate, rules, annotator)
    with closing(opened_to_write(None if out is None else os.fspath(out), db)) as store:
        return import_file(store, request, dry_run=dry_run)


def import_request(
    file: Path,
    format_name: str | None,
    video: str | None,
    part: str | None,
    fps: str | None,
    labels: Iterable[str],
    annotator: str,
) -> ImportRequest:
    """What is asked for, from texts; raises `UsageError`."""
    try:
        rate = rate_of(fps) if fps is not None else None
    except ValueError as error:
        raise UsageError(f"--fps: {error}: give a number such as 25, or 30000/1001") from error
    if fps is not None and rate is None:
        raise UsageError("--fps: a rate is more than 0")
    rules = LabelRules.of(labels)
    return ImportRequest(file, format_name, video, part, rate, rules, " ".join(annotator.split()))


def opened_to_write(out: str | None, db: str | None) -> StorageBackend:
    """The store of a results folder, which has to be there; raises `NotFound`."""
    from actors.stores import open_store

    url = stored_at(db, out)
    with closing(open_store(url, read_only=True)):
        pass  # a mistyped address must not make a store
    return open_store(url)
