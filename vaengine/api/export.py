"""`vaengine.export`: results of a store as files that other tools open, without Ray."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from schemas.errors import UsageError
from schemas.pipelines import AnsweredBy
from schemas.storage.backend import StorageBackend
from vaengine.api.questions.query import Question, asked_of, every_answer
from vaengine.exporting.export import Export, ExportProgress, write_export
from vaengine.exporting.registry import format_named
from vaengine.exporting.values.options import ExportOptions
from vaengine.exporting.values.selection import Selection, selected
from vaengine.requests.store_location import opened, results_folder


def export(
    format: str,
    folder: str | os.PathLike[str] | None = None,
    *,
    videos: str | Sequence[str] = (),
    query: Question | None = None,
    batch: str | None = None,
    out: str | os.PathLike[str] | None = None,
    db: str | None = None,
    options: ExportOptions | None = None,
    force: bool = False,
    listener: Callable[[ExportProgress], None] = lambda _: None,
) -> Export:
    """Export results in a format, such as "coco", into a folder; by default `OUT/exports/FORMAT`.

    Videos are all of the store, those named by `videos`, those of a `batch`, or the parts of videos that a
    `query` finds. Raises `UsageError` for an unknown format or an impossible choice, for a folder that has
    other files or, without `force`, an earlier export; `NotFound` for an unknown name; `DiskFull`.
    """
    chosen, place = format_named(format), None if out is None else os.fspath(out)
    target = Path(folder) if folder is not None else results_folder(place, db) / "exports" / chosen.name
    names = (videos,) if isinstance(videos, str) else tuple(videos)
    with closing(opened(place, db)) as store:
        chosen_options = options or ExportOptions()
        selection = selection_of(store, names, query=query, batch=batch, source=chosen_options.source)
        return write_export(store, chosen, selection, target, chosen_options, force=force, listener=listener)


def selection_of(
    store: StorageBackend,
    videos: Sequence[str],
    *,
    query: Question | None,
    batch: str | None,
    source: AnsweredBy = "machine",
) -> Selection:
    """The selection that names, a query or a batch mean; raises `UsageError` where a query finds nothing."""
    if query is None:
        return selected(store, videos, batch=batch, source=source)
    matches = every_answer(store, asked_of(store, query))
    if not matches:
        raise UsageError("the query finds nothing to export: `vaengine query --explain` says why")
    return selected(store, videos, batch=batch, matches=matches)
