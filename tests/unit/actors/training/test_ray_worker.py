"""What the worker of Ray Train does with Ray's copy of a checkpoint, and with an error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from actors.training import ray_worker
from actors.training.checkpoint import TrainingState
from schemas.errors import UnsuitableWeights
from schemas.work.training import TrainingJob, TrainingSettings


class Copy:
    """A checkpoint that Ray kept."""

    def to_directory(self, path: str) -> None:
        Path(path).mkdir()
        (Path(path) / "last.pt").write_text("Ray's")


@pytest.fixture
def reported(monkeypatch: pytest.MonkeyPatch) -> list[tuple[dict[str, Any], str]]:
    found: list[tuple[dict[str, Any], str]] = []
    train = SimpleNamespace(
        get_checkpoint=Copy,
        report=lambda metrics, checkpoint: found.append((metrics, checkpoint)),
        Checkpoint=SimpleNamespace(from_directory=str),
    )
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(train=train))
    monkeypatch.setitem(sys.modules, "ray.train", train)
    return found


def job(folder: Path) -> TrainingJob:
    return TrainingJob(
        folder, folder, ("person",), ("train", "val"), "val", folder / "w.pt", "d", TrainingSettings()
    )


def test_ray_hears_of_each_epoch_and_its_copy_counts_only_where_the_folder_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reported: list[tuple[dict[str, Any], str]]
) -> None:
    state, own = TrainingState(1, 1, 0.4), tmp_path / "checkpoint"

    def trained(_job: TrainingJob, on_checkpoint: Callable[[TrainingState, Path], None]) -> None:
        assert (own / "last.pt").exists()
        on_checkpoint(state, own)

    monkeypatch.setattr(ray_worker, "fine_tune", trained)
    ray_worker.train_loop({"job": job(tmp_path)})
    assert (own / "last.pt").read_text() == "Ray's"
    (own / "last.pt").write_text("our own")
    ray_worker.train_loop({"job": job(tmp_path)})
    assert (own / "last.pt").read_text() == "our own"
    assert reported == [(asdict(state), str(own))] * 2


@pytest.mark.usefixtures("reported")
def test_an_error_that_trying_again_would_not_cure_is_handed_over_and_not_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = UnsuitableWeights("w.pt", "it is none")

    def failed(*_: object) -> None:
        raise error

    monkeypatch.setattr(ray_worker, "fine_tune", failed)
    ray_worker.train_loop({"job": job(tmp_path)})
    told = json.loads((tmp_path / ray_worker.FAILURE).read_text())
    assert told == {"message": str(error), "is_usage": True}
