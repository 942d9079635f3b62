"""`FailureRecovery`: failure recovery for those who drive batches from Python.

The names are those of the original plan; the arithmetic is in `schemas.work.retry`.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from actors.stores.encoding.rows import hash_by_hand
from schemas.errors import InvalidSetting
from schemas.pipelines import pipeline_named
from schemas.work.job import BatchJob, JobStatus, PipelineResult, job_error, job_status
from schemas.work.retry import TRANSIENT, Backoff, Retry, RetryPolicy, RetryStrategy, kind_of
from vaengine.requests.checkpoint import Checkpoint

if TYPE_CHECKING:
    from vaengine.api.orchestrator import BatchOrchestrator


@dataclass(frozen=True, slots=True)
class FailureRecovery:
    """Decides whether and when a job is retried, for a loop of one's own around `run_batch`.

    A run itself retries as the settings `recovery.*` say. `max_retries` are attempts after the first. Delays
    are in seconds. `jitter` is the share by which chance makes them shorter or longer, never longer than
    `max_delay`. Raises `InvalidSetting`.
    """

    max_retries: int = 3
    base_delay: float = 1.0
    max_delay: float = 300.0
    strategy: RetryStrategy | str = RetryStrategy.EXPONENTIAL
    jitter: float = 0.2

    def __post_init__(self) -> None:
        try:
            self._backoff()
        except ValueError as error:
            raise InvalidSetting("FailureRecovery", repr(self), str(error)) from error

    def should_retry(self, job: BatchJob, error: BaseException | None = None) -> bool:
        """Whether to retry the job after `error`, or, without one, after the failure that the store has.

        Only failures that another attempt may cure are retried (a lost worker, memory, a disk, a timeout),
        and only `max_retries` times.
        """
        kind = kind_of(error) if error is not None else job.failure_kind or ""
        backoffs = dict.fromkeys(TRANSIENT.values(), self._backoff())
        attempts = job.retry_count + 1
        return isinstance(
            RetryPolicy(backoffs, job_attempts=attempts + 1).decide(
                kind, attempts, attempts, random.random()
            ),
            Retry,
        )

    def calculate_delay(self, attempt: int) -> float:
        """Seconds to wait after attempt number `attempt` (the first is 1) has failed."""
        return self._backoff().after(attempt, random.random())

    def handle_partial_failure(self, job: BatchJob, pipeline: str, error: BaseException) -> BatchJob:
        """The job with that pipeline failed and all others unchanged, so that their results are kept.

        The job itself is failed once nothing of it is left to do; its message names the pipelines that
        failed. Raises `UnknownPipeline`.
        """
        name = pipeline_named(pipeline)
        earlier = job.pipeline_results.get(name) or PipelineResult(
            name, hash_by_hand(job.config), JobStatus.RUNNING
        )
        message = " ".join(str(error).split()) or repr(error)
        failed = replace(
            earlier, status=JobStatus.FAILED, error_message=message, failure_kind=kind_of(error), digest=None
        )
        results = {**job.pipeline_results, name: failed}
        status = job_status(results)
        kind = failed.failure_kind if status is JobStatus.FAILED else job.failure_kind
        return replace(
            job, status=status, pipeline_results=results, error_message=job_error(results), failure_kind=kind
        )

    def create_checkpoint(self, batch: BatchOrchestrator) -> list[Path]:
        """Write every job added to `batch`, whether it has run or not, to one file for `resume_batch`.

        Raises `UsageError` where no job has been added, and what writing a file raises.
        """
        return batch.checkpoints()

    def load_checkpoint(self, path: str | Path) -> Checkpoint:
        """Read a checkpoint; raises `NotFound`, or `UsageError` where it is damaged.

        Progress is known to the store only.
        """
        return Checkpoint.read(Path(path))

    def _backoff(self) -> Backoff:
        return Backoff(
            RetryStrategy(self.strategy), self.base_delay, self.max_delay, self.jitter, self.max_retries + 1
        )
