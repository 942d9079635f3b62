"""`vaengine.build_dataset` and `vaengine.train`: a dataset of a store, and a detector trained on it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from actors.model_files.files import folders_of
from schemas.errors import UsageError
from schemas.settings.models import ModelFile
from schemas.storage.backend import StorageBackend
from schemas.work.training import TrainingSettings
from vaengine.api.export import selection_of
from vaengine.api.questions.query import Question, asked_of, every_answer
from vaengine.exporting.values.selection import selected
from vaengine.model_selection.presets import NEURAL
from vaengine.models.catalogue import needed
from vaengine.models.download import DownloadSource, obtain
from vaengine.models.inventory import shown
from vaengine.models.trained import check_name
from vaengine.queries.explain import query_text
from vaengine.requests.executor_choice import EITHER, OWN_RAY, ClusterOption
from vaengine.requests.store_location import opened, results_folder
from vaengine.training.dataset.build import BuildProgress, BuiltDataset, SceneClasses
from vaengine.training.dataset.build import build_dataset as build
from vaengine.training.dataset.request import DatasetRequest
from vaengine.training.detector.base_weights import base_weights
from vaengine.training.detector.dataset_folder import read_dataset
from vaengine.training.detector.train import Listener, Training, TrainingPlace
from vaengine.training.detector.train import train as train_detector


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
        selection = selection_of(store, names, query=query, batch=batch, source=asked.source)
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


def train(
    dataset: str | os.PathLike[str],
    name: str,
    *,
    weights: str | None = None,
    preset: str = "fast",
    settings: TrainingSettings | None = None,
    out: str | os.PathLike[str] | None = None,
    models: str | os.PathLike[str] | None = None,
    cluster: str | None = None,
    gpus: int | None = None,
    allow_pickle: bool = False,
    force: bool = False,
    verbose: bool = False,
    listener: Listener = lambda _: None,
) -> Training:
    """Fine-tune the detector of persons on a dataset of `build_dataset`, on Ray Train or without Ray.

    Training begins with `weights`, by default those of a preset. It works in `OUT/trainings/NAME`, and called
    again it goes on after the last epoch that was done. New weights that are better on the held-out pictures
    become the model `NAME.pt`, for `person.weights`; others change nothing. Raises `UsageError` for a dataset
    or weights that cannot be trained, and where another training of this name was begun, unless `force`
    begins anew; `TrainingFailed` where it ends before its last epoch.
    """
    check_name(name)
    folders = folders_of(None if models is None else Path(models), os.environ)
    held = read_dataset(Path(dataset))
    base = base_weights(
        weights or _of_preset(preset),
        folders,
        lambda model: _fetched(model, folders),
        allow_pickle=allow_pickle,
    )
    where = ClusterOption.of(cluster, None, os.environ).cluster
    place = TrainingPlace(
        results_folder(None if out is None else os.fspath(out), None) / "trainings" / name,
        folders[0],
        folders[-1],
        OWN_RAY if where == EITHER else where,
        gpus,
    )
    return train_detector(
        name,
        held,
        base,
        settings or TrainingSettings(),
        place,
        force=force,
        verbose=verbose,
        listener=listener,
    )


def _of_preset(preset: str) -> str:
    if preset not in NEURAL:
        raise UsageError(
            f"--preset {preset} has no detector to train: name {', '.join(NEURAL)}, or --weights"
        )
    return needed(preset).name


def _fetched(model: ModelFile, folders: Sequence[Path]) -> Path:
    with shown(model) as progress:
        return obtain(model, folders, DownloadSource.of(os.environ), progress)
