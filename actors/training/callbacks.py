"""What is done during a training, as callbacks of ultralytics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from actors.training.batch_norms import batch_norms, folded
from actors.training.checkpoint import Checkpoint, TrainingState
from actors.training.events import TrainingEvents


@dataclass(slots=True)
class TrainingCallbacks:
    """Callbacks that keep folded layers as they are, keep each epoch, and say how far it is."""

    checkpoint: Checkpoint
    events: TrainingEvents
    on_checkpoint: Callable[[TrainingState, Path], None]
    state: TrainingState
    _folded: list[Any] = field(default_factory=list)
    _batch: int = 0

    def add_to(self, detector: Any) -> None:
        """Have a detector call these.

        The one for checkpoints is not on_fit_epoch_end: that comes once more at the end, when what a training
        resumes from is gone from the file.
        """
        for name in (
            "on_train_start",
            "on_train_epoch_start",
            "on_train_batch_start",
            "on_train_batch_end",
            "on_model_save",
        ):
            detector.add_callback(name, getattr(self, name))

    def on_train_start(self, trainer: Any) -> None:
        self._folded = folded(trainer.model)
        total = len(batch_norms(trainer.model))
        self.state = replace(self.state, frozen=len(self._folded), batch_norms=total)
        self.events.tell("training", epochs=trainer.epochs, frozen=len(self._folded), batch_norms=total)

    def on_train_epoch_start(self, _trainer: Any) -> None:
        self._batch = 0

    def on_train_batch_start(self, _trainer: Any) -> None:
        # Between on_train_epoch_start and here ultralytics puts the whole network into training mode.
        for layer in self._folded:
            layer.eval()

    def on_train_batch_end(self, trainer: Any) -> None:
        self._batch += 1
        self.events.tell_sometimes(
            "batch", epoch=trainer.epoch + 1, batch=self._batch, batches=len(trainer.train_loader)
        )

    def on_model_save(self, trainer: Any) -> None:
        fitness, epoch = float(trainer.metrics.get("metrics/mAP50-95(B)", 0.0)), int(trainer.epoch) + 1
        is_best = trainer.best_fitness == trainer.fitness
        self.state = replace(
            self.state,
            epochs=epoch,
            best_epoch=epoch if is_best else self.state.best_epoch,
            best_map50_95=fitness if is_best else self.state.best_map50_95,
        )
        self.checkpoint.keep(self.state, Path(trainer.last), Path(trainer.best) if is_best else None)
        self.on_checkpoint(self.state, self.checkpoint.folder)
        self.events.tell(
            "epoch",
            epoch=epoch,
            epochs=int(trainer.epochs),
            map50=float(trainer.metrics.get("metrics/mAP50(B)", 0.0)),
            map50_95=fitness,
            best_epoch=self.state.best_epoch,
            best_map50_95=self.state.best_map50_95,
        )
