"""Fine-tunes a detector of ultralytics on a dataset, and measures it before and after on held-out pictures.

The same function works in a worker of Ray Train and in a child process.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from actors.atomic_files import read_object, write_atomic
from actors.model_files.files import digest_of
from actors.training.callbacks import TrainingCallbacks
from actors.training.checkpoint import TRAINED, Checkpoint, TrainingState
from actors.training.detector import detector, device_of, evaluated, quiet, write_data
from actors.training.events import TrainingEvents
from actors.training.ultralytics_environment import import_for_training
from schemas.errors import UsageError, WrongDigest
from schemas.work.training import Evaluation, TrainingJob, TrainingOutcome

CHECKPOINT: Final = "checkpoint"
WORK: Final = "ultralytics"
EVENTS: Final = "events.jsonl"
OUTCOME: Final = "outcome.json"
BEFORE: Final = "before.json"
# `auto` would take AdamW at 0.002, whatever lr0 says: one epoch of it ruins a trained detector. A warm-up
# begins with a learning rate of 0.1 for biases, and mosaics shrink people to a quarter.
ARGUMENTS: Final[Mapping[str, Any]] = {
    "optimizer": "SGD",
    "warmup_epochs": 0.0,
    # Pictures for one step, whatever is looked at together. With 64, ultralytics' own, a small dataset gives
    # a step in an epoch or none; with 4 steps go astray. docs/training.md, "Measured".
    "nbs": 16,
    "mosaic": 0.0,
    "close_mosaic": 0,
    "amp": False,  # on CUDA its check asks the network for a model of its own
    "plots": False,
    "verbose": False,
    "workers": 0,
    "exist_ok": True,
}


def fine_tune(
    job: TrainingJob, on_checkpoint: Callable[[TrainingState, Path], None] = lambda *_: None
) -> TrainingOutcome:
    """Train until all epochs are done, from the checkpoint on where there is one, and keep the outcome.

    `on_checkpoint` is called after each epoch with the state and the folder of its files. Raises
    `UnsuitableWeights`, `WrongDigest`, `UsageError`.
    """
    _check(job)
    import_for_training(job.folder / WORK, job.cpus, os.environ)
    import torch

    torch.set_num_threads(job.cpus)
    events = TrainingEvents(job.folder / EVENTS)
    checkpoint = Checkpoint(job.folder / CHECKPOINT)
    data = write_data(job)
    before = _before(job, data, events)
    if checkpoint.state().epochs < job.settings.epochs and not checkpoint.state().is_finished:
        _train(job, data, checkpoint, events, on_checkpoint)
    state = _finished(job, checkpoint)
    events.tell("evaluating", which="after")
    after = evaluated(job, checkpoint.trained, data)
    outcome = TrainingOutcome(before, after, state.epochs, state.best_epoch, state.frozen, state.batch_norms)
    write_atomic(job.folder / OUTCOME, json.dumps(asdict(outcome), indent=2).encode())
    shutil.rmtree(job.folder / WORK, ignore_errors=True)  # ultralytics' own files
    return outcome


def _check(job: TrainingJob) -> None:
    if not job.dataset.is_dir():
        raise UsageError(
            f"{job.dataset} is not on the machine that trains: put the dataset where every machine has it at "
            "the same path, or train with --cluster none"
        )
    digest = digest_of(job.weights)
    if digest != job.weights_sha256:
        raise WrongDigest(str(job.weights), digest, job.weights_sha256)


def _before(job: TrainingJob, data: Path, events: TrainingEvents) -> Evaluation:
    """The figures of the weights that training began with; measured once."""
    path = job.folder / BEFORE
    known = read_object(path)
    if known is not None:
        return Evaluation.of(known)
    events.tell("evaluating", which="before")
    found = evaluated(job, job.weights, data)
    write_atomic(path, json.dumps(asdict(found)).encode())
    return found


def _train(
    job: TrainingJob,
    data: Path,
    checkpoint: Checkpoint,
    events: TrainingEvents,
    on_checkpoint: Callable[[TrainingState, Path], None],
) -> None:
    """Train all epochs that are left."""
    run = job.folder / WORK / "run"
    resumed = checkpoint.state()
    if resumed.epochs:
        _restore(checkpoint, run / "weights")
        events.tell("resumed", epochs=resumed.epochs)
    else:
        shutil.rmtree(run, ignore_errors=True)
    model = detector(run / "weights" / "last.pt" if resumed.epochs else job.weights)
    TrainingCallbacks(checkpoint, events, on_checkpoint, resumed).add_to(model)
    with quiet():
        model.train(
            **ARGUMENTS,
            data=str(data),
            epochs=job.settings.epochs,
            batch=job.settings.batch,
            imgsz=job.settings.input_pixels,
            lr0=job.settings.learning_rate,
            patience=job.settings.patience,
            seed=job.settings.seed,
            device=device_of(job),
            project=str(run.parent),
            name=run.name,
            **({"resume": True} if resumed.epochs else {}),
        )


def _finished(job: TrainingJob, checkpoint: Checkpoint) -> TrainingState:
    """Keep the weights of the best epoch without what only a training needs; returns the last state."""
    if checkpoint.state().is_finished:
        return checkpoint.state()
    from ultralytics.utils.torch_utils import strip_optimizer

    stripped = job.folder / WORK / TRAINED
    with quiet():
        strip_optimizer(str(checkpoint.best), str(stripped))
    state = replace(checkpoint.state(), is_finished=True)
    checkpoint.finish(state, stripped)
    return state


def _restore(checkpoint: Checkpoint, weights: Path) -> None:
    """Put the checkpoint to where ultralytics resumes from; its own files may be half written."""
    weights.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(checkpoint.last, weights / "last.pt")
    shutil.copyfile(checkpoint.best, weights / "best.pt")
