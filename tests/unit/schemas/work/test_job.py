"""The state of a job follows from those of its pipelines."""

from itertools import product

import pytest

from schemas.work.job import (
    LEGAL_MOVES,
    BatchReport,
    BatchStatus,
    JobStatus,
    PipelineResult,
    VideoOutcome,
    job_error,
    job_status,
)

P, R, C, F = JobStatus.PENDING, JobStatus.RUNNING, JobStatus.COMPLETED, JobStatus.FAILED

TABLE = {
    (P, P): P,
    (P, R): R,
    (P, C): R,
    (P, F): R,
    (R, R): R,
    (R, C): R,
    (R, F): R,
    (C, C): C,
    (C, F): F,
    (F, F): F,
}


def results(*states: JobStatus) -> dict[str, PipelineResult]:
    return {
        f"pipeline_{n}": PipelineResult(f"pipeline_{n}", "0" * 16, state, error_message=f"fault {n}")
        for n, state in enumerate(states)
    }


@pytest.mark.parametrize("states", list(product((P, R, C, F), repeat=2)), ids="-".join)
def test_two_pipelines_make_a_job_as_the_table_says_in_either_order(
    states: tuple[JobStatus, JobStatus],
) -> None:
    assert job_status(results(*states)) is TABLE.get(states, TABLE.get(states[::-1]))


def test_a_job_without_pipelines_is_pending() -> None:
    assert job_status({}) is P


def test_a_failed_job_names_every_failed_pipeline_and_no_other() -> None:
    assert job_error(results(F, C, F)) == "pipeline_0: fault 0; pipeline_2: fault 2"
    assert job_error(results(C, P)) is None


def test_every_state_has_its_legal_moves_and_none_leads_to_itself() -> None:
    assert set(LEGAL_MOVES) == set(JobStatus)
    assert not any(state in moves for state, moves in LEGAL_MOVES.items())


def test_a_report_counts_videos_and_calls_skipped_ones_a_success() -> None:
    outcomes = tuple(
        VideoOutcome(f"v{n}", f"/v{n}.mp4", outcome)
        for n, outcome in enumerate(["completed", "skipped", "failed", "pending"])
    )
    report = BatchReport("b", outcomes, wall_s=1.0)
    assert (report.completed, report.skipped, report.failed, report.pending) == (1, 1, 1, 1)
    assert report.success_rate == 0.5
    assert BatchReport("b", (), wall_s=0.0).success_rate == 1.0


def test_a_status_adds_up() -> None:
    assert BatchStatus(1, 2, 3, 4, 5).total == 15
