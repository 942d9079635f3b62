"""Trains a detector of persons on a dataset, and keeps the new weights where they are better."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from actors.atomic_files import read_object, write_atomic
from actors.model_files.files import digest_of
from actors.training.fine_tuning import EVENTS
from schemas.errors import TrainingFailed
from schemas.work.training import TrainingJob, TrainingOutcome, TrainingSettings
from vaengine.console.units import timestamp
from vaengine.models.trained import TrainedModel, put_trained
from vaengine.training.detector.base_weights import BaseWeights
from vaengine.training.detector.dataset_folder import TrainingDataset
from vaengine.training.detector.decision import decide
from vaengine.training.detector.progress import EventFile
from vaengine.training.detector.training_folder import TrainingFolder, TrainingRecord
from vaengine.training.detector.workers import RAY, worker

POLL_S: Final = 0.2
REPORT: Final = "report.json"
Listener = Callable[[Mapping[str, Any]], None]  # of events of a training


@dataclass(frozen=True, slots=True)
class TrainingPlace:
    """Where a training works and keeps what comes out.

    `folder` is its own, `models` the folder of models that new weights go to, `own_cache` the user's. Without
    Ray where `cluster` is `none`. `gpus` are those to use, None for one where there is one.
    """

    folder: Path
    models: Path
    own_cache: Path
    cluster: str
    gpus: int | None = None


@dataclass(frozen=True, slots=True)
class Training:
    """A finished training: `model` is None where the new weights are not better, and `reason` says why.

    `weights` are what came out in any case.
    """

    name: str
    outcome: TrainingOutcome
    is_better: bool
    reason: str
    held_out: str
    pictures: int
    base: str
    weights: Path
    model: TrainedModel | None


def train(
    name: str,
    dataset: TrainingDataset,
    base: BaseWeights,
    settings: TrainingSettings,
    place: TrainingPlace,
    *,
    force: bool = False,
    verbose: bool = False,
    listener: Listener = lambda _: None,
) -> Training:
    """Train, or go on with a training that was stopped; see `vaengine.train` for what is raised."""
    folder = TrainingFolder(place.folder)
    record = TrainingRecord(dataset.digest, base.sha256, settings)
    with folder.opened(name, record, force=force):
        outcome = folder.outcome()
        if outcome is None:
            _carry_out(name, _job(folder, dataset, base, settings), place, listener, verbose=verbose)
            outcome = folder.outcome()
        if outcome is None:
            raise TrainingFailed(name, f"its worker left no figures in {folder.path}")
        return _kept(name, folder, dataset, base, settings, outcome, place)


def _job(
    folder: TrainingFolder, dataset: TrainingDataset, base: BaseWeights, settings: TrainingSettings
) -> TrainingJob:
    return TrainingJob(
        folder.path.absolute(),
        dataset.folder.absolute(),
        dataset.classes,
        dataset.splits,
        dataset.held_out,
        base.path,
        base.sha256,
        settings,
    )


def _carry_out(
    name: str, job: TrainingJob, place: TrainingPlace, listener: Listener, *, verbose: bool
) -> None:
    """Have a worker train, and tell what it reports; a stop ends the worker, its checkpoint stays."""
    events = EventFile(job.folder / EVENTS)
    events.skip()
    began = time.monotonic()
    with worker(name, job, place.cluster, place.gpus, verbose=verbose) as running:
        is_done = False
        while not is_done:
            try:
                is_done = running.is_done(POLL_S)
            finally:
                for event in events.new():
                    listener({**event, "elapsed_s": time.monotonic() - began})


def _kept(
    name: str,
    folder: TrainingFolder,
    dataset: TrainingDataset,
    base: BaseWeights,
    settings: TrainingSettings,
    outcome: TrainingOutcome,
    place: TrainingPlace,
) -> Training:
    """The training with what is decided on its weights: better ones become a model of their own."""
    decision = decide(outcome)
    report = folder.path / REPORT  # of the day on which it ended, also where the command is given again
    facts = read_object(report) or _facts(name, folder, dataset, base, settings, outcome)
    write_atomic(report, json.dumps(facts, indent=2, ensure_ascii=False).encode())
    shutil.rmtree(folder.path / RAY, ignore_errors=True)
    model = None
    if decision.is_better:
        model = put_trained(place.models, place.own_cache, name, folder.trained.read_bytes(), facts)
    return Training(
        name,
        outcome,
        decision.is_better,
        decision.reason,
        dataset.held_out,
        dataset.pictures[dataset.held_out],
        base.name,
        folder.trained,
        model,
    )


def _facts(
    name: str,
    folder: TrainingFolder,
    dataset: TrainingDataset,
    base: BaseWeights,
    settings: TrainingSettings,
    outcome: TrainingOutcome,
) -> dict[str, Any]:
    """The provenance of trained weights."""
    from vaengine import __version__

    return {
        "name": name,
        "sha256": digest_of(folder.trained),
        "size_bytes": folder.trained.stat().st_size,
        "made_at": timestamp(),
        "vaengine": __version__,
        "base": {"name": base.name, "sha256": base.sha256},
        "dataset": {
            "digest": dataset.digest,
            "folder": str(dataset.folder.absolute()),
            "store": dataset.store,
            "pictures": dict(dataset.pictures),
            "classes": list(dataset.classes),
        },
        "settings": asdict(settings),
        "held_out": dataset.held_out,
        **asdict(outcome),
    }
