"""Training as values: what a worker is asked to do, and what it reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

HeldOut: TypeAlias = Literal["val", "test"]
STRIDE: Final = 32  # pixels, of which a side of the network's input is a multiple


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """How a detector is fine-tuned.

    `input_pixels` is the longer side of pictures, `learning_rate` that of SGD at the beginning. Training ends
    early after `patience` epochs without a better one. Raises ValueError on values that cannot be.
    """

    epochs: int = 20
    batch: int = 8
    input_pixels: int = 640
    learning_rate: float = 0.001
    patience: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.epochs, self.batch, self.patience) < 1 or self.seed < 0:
            raise ValueError("there is at least one epoch, one picture a batch, one epoch of patience")
        if self.input_pixels < STRIDE or self.input_pixels % STRIDE:
            raise ValueError(f"pictures have a multiple of {STRIDE} pixels, not {self.input_pixels}")
        if not 0 < self.learning_rate < 1:
            raise ValueError(f"a learning rate lies between 0 and 1, got {self.learning_rate}")


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """What a worker trains, with all paths absolute and the same on its machine.

    `folder` is where it keeps its checkpoint and says what happens. `classes` are those of the dataset, by
    number. `gpus` are numbers of CUDA devices of the worker's machine; without any it uses `cpus` threads.
    """

    folder: Path
    dataset: Path
    classes: tuple[str, ...]
    splits: tuple[str, ...]
    held_out: HeldOut
    weights: Path
    weights_sha256: str
    settings: TrainingSettings
    cpus: int = 1
    gpus: int = 0


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How good a detector is on held-out pictures, each figure in 0..1.

    `map50` is the mean average precision at an IoU of .5, `map50_95` its mean over .5 to .95. `precision` and
    `recall` are those at the confidence with the best F1.
    """

    map50: float
    map50_95: float
    precision: float
    recall: float

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Evaluation:
        """From JSON."""
        return cls(*(float(data[one.name]) for one in fields(cls)))


@dataclass(frozen=True, slots=True)
class TrainingOutcome:
    """What came out: the detector before and after, and the epoch, counted from 1, that was the best.

    `frozen` of `batch_norms` layers of batch normalisation were folded into others and stayed as they were.
    """

    before: Evaluation
    after: Evaluation
    epochs: int
    best_epoch: int
    frozen: int
    batch_norms: int

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> TrainingOutcome:
        """From JSON."""
        numbers = (int(data[name]) for name in ("epochs", "best_epoch", "frozen", "batch_norms"))
        return cls(Evaluation.of(data["before"]), Evaluation.of(data["after"]), *numbers)
