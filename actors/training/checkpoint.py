"""The checkpoint of a training: whole after any kill, so that the training goes on from it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from actors.atomic_files import read_object, write_atomic

LAST: Final = "last.pt"  # the newest epoch, with the state of the optimizer
BEST: Final = "best.pt"  # the best epoch, likewise
TRAINED: Final = "trained.pt"  # the best epoch without that state, once all are done
STATE: Final = "state.json"


@dataclass(frozen=True, slots=True)
class TrainingState:
    """How far a training is: epochs that are done, the best of them (from 1), its mAP50-95 on val."""

    epochs: int = 0
    best_epoch: int = 0
    best_map50_95: float = 0.0
    is_finished: bool = False
    frozen: int = 0
    batch_norms: int = 0


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The files of a checkpoint in a folder of their own."""

    folder: Path

    @property
    def last(self) -> Path:
        return self.folder / LAST

    @property
    def best(self) -> Path:
        return self.folder / BEST

    @property
    def trained(self) -> Path:
        return self.folder / TRAINED

    def state(self) -> TrainingState:
        """The state that was kept last; that of the beginning where none was."""
        data = read_object(self.folder / STATE)
        has_weights = self.last.exists() or self.trained.exists()
        return TrainingState(**data) if data and has_weights else TrainingState()

    def keep(self, state: TrainingState, last: Path, best: Path | None) -> None:
        """Keep an epoch, whole or not at all; `best` where it is the best so far.

        ultralytics writes its own files in place: a kill in the middle of one would leave half of it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        if best is not None:
            write_atomic(self.best, best.read_bytes())
        write_atomic(self.last, last.read_bytes())
        self._write(state)

    def finish(self, state: TrainingState, trained: Path) -> None:
        """Keep the weights that came out, and no longer what a training goes on from."""
        write_atomic(self.trained, trained.read_bytes())
        self._write(state)
        for path in (self.last, self.best):
            path.unlink(missing_ok=True)

    def _write(self, state: TrainingState) -> None:
        write_atomic(self.folder / STATE, json.dumps(asdict(state)).encode())
