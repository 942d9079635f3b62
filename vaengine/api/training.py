"""`vaengine.build_dataset`: pictures of a store as a dataset, without Ray."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from schemas.errors import UsageError
from schemas.storage.backend import StorageBackend
from vaengine.api.export import selection_of
from vaengine.api.questions.query import Question, asked_of, every_answer
from vaengine.exporting.values.selection import selected
from vaengine.queries.explain import query_text
from vaengine.requests.store_location import opened, results_folder
from vaengine.training.dataset.build import BuildProgress, BuiltDataset, SceneClasses
from vaengine.training.dataset.build import build_dataset as build
from vaengine.training.dataset.request import DatasetRequest


def build_dataset(
    folder: str | os.PathLike[str] | None = None,
    request: DatasetRequest | None = None,
    *,
    videos: str | Sequence[str] = (),
    query: Question | None = None,
    batch: str | None = None,
    classes: Mapping[str, Question] | None = None,
    out: str | os.PathLike[str] | None = None,
    db: str | None = None,
    force: bool = False,
    listener: Callable[[BuildProgress], None] = lambda _: None,
) -> BuiltDataset:
    """Build a dataset of pictures of a store, by default of persons in `OUT/datasets/person`.

    Videos are all of the store, those named by `videos`, those of a `batch`, or the parts of videos that a
    `query` finds. A `scene` set has `classes`: a query for each. Raises `UsageError` where there is nothing
    to take, where all of it would be in one split, and for a folder that has other files or, without
    `force`, an earlier dataset; `NotFound` for an unknown name; `DiskFull`.
    """
    asked, place = request or DatasetRequest(), None if out is None else os.fspath(out)
    if (asked.kind == "scene") != bool(classes):
        raise UsageError("a dataset of scenes has classes, and no other has: --class NAME=QUERY, for each")
    target = Path(folder) if folder is not None else results_folder(place, db) / "datasets" / asked.kind
    names = (videos,) if isinstance(videos, str) else tuple(videos)
    with closing(opened(place, db)) as store:
        selection = selection_of(store, names, query=query, batch=batch)
        found = _classes(store, classes or {})
        return build(store, selection, target, asked, found, force=force, listener=listener)


def _classes(store: StorageBackend, classes: Mapping[str, Question]) -> SceneClasses:
    stretches, texts = {}, {}
    for name, question in classes.items():
        query = asked_of(store, question)
        matches = every_answer(store, query)
        if not matches:
            raise UsageError(
                f"the query of class {name!r} finds nothing: `vaengine query --explain` says why"
            )
        stretches[name] = selected(store, matches=matches).stretches
        texts[name] = query_text(query)
    return SceneClasses(stretches, texts)
