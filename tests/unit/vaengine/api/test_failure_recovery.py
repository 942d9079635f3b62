"""Failure recovery by the original plan's names, for loops of one's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from schemas.errors import NotAVideo, NotFound, UnknownPipeline, UsageError, WorkerLost
from schemas.pipelines import AUDIO, PERSON, SCENE
from schemas.work.job import BatchJob, JobStatus, PipelineResult
from vaengine import BatchOrchestrator, FailureRecovery, FileStorageBackend, RetryStrategy

DONE = PipelineResult(SCENE, "a" * 16, JobStatus.COMPLETED, annotation_count=3, digest="d")
AT_WORK = PipelineResult(PERSON, "b" * 16, JobStatus.RUNNING)
JOB = BatchJob(
    "job", Path("/v/a.mp4"), Path("/o/a"), {}, "a-1", JobStatus.RUNNING, {SCENE: DONE, PERSON: AT_WORK}
)


@pytest.mark.parametrize("strategy", [RetryStrategy.LINEAR, "linear", "linear_backoff"])
def test_delays_follow_the_strategy_by_any_of_its_names(strategy: RetryStrategy | str) -> None:
    recovery = FailureRecovery(base_delay=2.0, max_delay=5.0, strategy=strategy, jitter=0.0)
    assert [recovery.calculate_delay(attempt) for attempt in (1, 2, 3)] == [2.0, 4.0, 5.0]


def test_by_default_delays_double_and_spread_a_little() -> None:
    delays = [[FailureRecovery().calculate_delay(attempt) for _ in range(50)] for attempt in (1, 2, 3)]
    assert all(0.8 * 2**n <= delay <= 1.2 * 2**n for n, found in enumerate(delays) for delay in found)
    assert all(len(set(found)) > 1 for found in delays)


@pytest.mark.parametrize(
    "wrong", [{"strategy": "quadratic"}, {"max_retries": -1}, {"base_delay": -1.0}, {"jitter": 2.0}]
)
def test_what_cannot_be_is_refused_when_it_is_said(wrong: dict) -> None:
    with pytest.raises(UsageError, match="FailureRecovery"):
        FailureRecovery(**wrong)


@pytest.mark.parametrize(
    "error", [WorkerLost("a chunk"), MemoryError(), ConnectionError("gone"), TimeoutError()]
)
def test_what_may_pass_is_tried_again_as_often_as_was_said(error: Exception) -> None:
    recovery = FailureRecovery(max_retries=2)
    assert [recovery.should_retry(replace(JOB, retry_count=count), error) for count in range(4)] == [
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    "error", [NotAVideo("/v/a.mp4", "no"), ValueError("a bug"), FileNotFoundError("/v/a.mp4")]
)
def test_what_another_try_only_repeats_is_not_tried_again(error: Exception) -> None:
    assert not FailureRecovery().should_retry(JOB, error)


@pytest.mark.parametrize(
    ("kind", "again"), [("worker_lost", True), ("poisoned", False), ("not_a_video", False), (None, False)]
)
def test_without_an_error_the_job_says_itself_what_it_failed_of(kind: str | None, again: bool) -> None:
    assert FailureRecovery().should_retry(replace(JOB, failure_kind=kind), None) is again


def test_when_one_pipeline_fails_the_others_go_on_and_what_worked_is_kept() -> None:
    waiting = replace(
        JOB,
        pipeline_results={**JOB.pipeline_results, AUDIO: PipelineResult(AUDIO, "c" * 16, JobStatus.PENDING)},
    )
    found = FailureRecovery().handle_partial_failure(waiting, "person", WorkerLost("a\nchunk"))
    assert found.status is JobStatus.RUNNING
    assert found.pipeline_results[SCENE] == DONE
    assert found.pipeline_results[AUDIO].status is JobStatus.PENDING
    failed = found.pipeline_results[PERSON]
    assert (failed.status, failed.failure_kind, failed.config_hash) == (
        JobStatus.FAILED,
        "worker_lost",
        AT_WORK.config_hash,
    )


def test_a_job_with_a_failed_pipeline_never_ends_as_completed() -> None:
    found = FailureRecovery().handle_partial_failure(JOB, PERSON, ValueError("a bug"))
    assert (found.status, found.failure_kind, found.error_message) == (
        JobStatus.FAILED,
        "internal",
        "person_tracking: a bug",
    )
    assert JOB.pipeline_results[PERSON] == AT_WORK


def test_a_pipeline_that_the_job_has_nothing_of_yet_is_noted_too() -> None:
    found = FailureRecovery().handle_partial_failure(JOB, "audio", RuntimeError())
    assert found.pipeline_results[AUDIO].error_message == "RuntimeError()"


def test_an_unknown_pipeline_is_named() -> None:
    with pytest.raises(UnknownPipeline):
        FailureRecovery().handle_partial_failure(JOB, "persons", ValueError())


def test_a_missing_checkpoint_is_an_error_and_not_none(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        FailureRecovery().load_checkpoint(tmp_path / "checkpoint_x.json")


def test_a_batch_without_jobs_has_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="add_job"):
        FailureRecovery().create_checkpoint(BatchOrchestrator(FileStorageBackend(tmp_path)))
