"""A worker ends with its training, and says why where that ended early."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from schemas.errors import TrainingFailed, UnsuitableWeights, UsageError
from schemas.work.training import TrainingJob, TrainingSettings
from tests.support.runs import training_worker
from vaengine.training.detector import workers
from vaengine.training.detector.workers import worker

WAIT_S = 60.0


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainingJob:
    monkeypatch.setattr(workers, "MODULE", "tests.support.runs.training_worker")
    settings = TrainingSettings()
    return TrainingJob(
        tmp_path, tmp_path, ("person",), ("train", "val"), "val", tmp_path / "w.pt", "d", settings
    )


def ended(job: TrainingJob, ending: int) -> bool:
    with worker("street", replace(job, settings=TrainingSettings(seed=ending)), "none", 0) as running:
        return running.is_done(WAIT_S)


def test_a_worker_that_is_done_says_so_and_an_error_of_it_is_raised_here(job: TrainingJob) -> None:
    assert ended(job, training_worker.DONE)
    with pytest.raises(UnsuitableWeights, match="it is none"):
        ended(job, training_worker.REFUSED)


def test_a_worker_that_is_killed_or_breaks_leaves_the_training_to_the_same_command(job: TrainingJob) -> None:
    with pytest.raises(TrainingFailed, match=r"SIGABRT.*same command goes on"):
        ended(job, training_worker.KILLED)
    with pytest.raises(TrainingFailed, match=r"training street failed: .*nobody foresaw"):
        ended(job, training_worker.BROKEN)


def test_more_gpus_than_there_are_is_refused_before_anything_begins(job: TrainingJob) -> None:
    with pytest.raises(UsageError, match="--gpus 99"), worker("street", job, "none", 99):
        pass
