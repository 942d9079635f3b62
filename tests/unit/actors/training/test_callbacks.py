"""During a training folded layers stay in evaluation mode, and each epoch is kept."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from actors.training.callbacks import TrainingCallbacks
from actors.training.checkpoint import Checkpoint, TrainingState
from actors.training.events import TrainingEvents


def trainer(folder: Path) -> Any:
    module = torch.nn.Sequential(torch.nn.BatchNorm2d(4), torch.nn.BatchNorm2d(4))
    module[1].running_var += 1
    for name in ("last.pt", "best.pt"):
        (folder / name).write_text("weights")
    return SimpleNamespace(
        model=module,
        epoch=0,
        epochs=2,
        metrics={"metrics/mAP50(B)": 0.9, "metrics/mAP50-95(B)": 0.4},
        fitness=0.4,
        best_fitness=0.4,
        last=folder / "last.pt",
        best=folder / "best.pt",
        train_loader=[1, 2],
    )


def test_folded_layers_stay_as_they_are_in_every_batch_and_others_are_trained(tmp_path: Path) -> None:
    own = trainer(tmp_path)
    callbacks = TrainingCallbacks(
        Checkpoint(tmp_path / "c"), TrainingEvents(tmp_path / "e"), lambda *_: None, TrainingState()
    )
    callbacks.on_train_start(own)
    for _ in range(2):
        own.model.train()  # as ultralytics does it at the beginning of each epoch
        callbacks.on_train_batch_start(own)
        assert [layer.training for layer in own.model] == [False, True]
    assert (callbacks.state.frozen, callbacks.state.batch_norms) == (1, 2)


def test_the_best_epoch_stays_the_best_when_a_worse_one_follows(tmp_path: Path) -> None:
    own, kept = trainer(tmp_path), list[TrainingState]()
    checkpoint = Checkpoint(tmp_path / "c")
    callbacks = TrainingCallbacks(
        checkpoint, TrainingEvents(tmp_path / "e"), lambda state, _: kept.append(state), TrainingState()
    )
    callbacks.on_model_save(own)
    own.epoch, own.fitness = 1, 0.3
    own.metrics = {**own.metrics, "metrics/mAP50-95(B)": 0.3}
    own.best.write_text("other weights")
    callbacks.on_model_save(own)
    assert [(one.epochs, one.best_epoch, one.best_map50_95) for one in kept] == [(1, 1, 0.4), (2, 1, 0.4)]
    assert checkpoint.state() == kept[-1]
    assert checkpoint.best.read_text() == "weights"
