"""The sides of a comparison: which results `human`, `machine`, a preset and the like mean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from schemas.annotations.annotation import Annotation
from schemas.errors import UsageError
from schemas.pipelines import is_human, of_machine
from schemas.storage.backend import ResultStore
from schemas.work.chunk import WorkKey
from schemas.work.current_result import JobResult, oldest_first
from schemas.work.job import BatchJob, JobStatus
from schemas.work.provenance import info_of, provenance_of

MACHINE: Final = "machine"
HUMAN: Final = "human"
MAX_KNOWN: Final = 8  # sides named in an error


@dataclass(frozen=True, slots=True)
class SideResult:
    """The result of one side in one video: its rows are those of what the machine's `pipeline` finds."""

    video_id: str
    pipeline: str
    key: WorkKey

    def rows(self, store: ResultStore) -> list[Annotation]:
        """The rows, as stored."""
        return store.annotations(self.key)


def results_of_side(jobs: Sequence[BatchJob], side: str) -> dict[tuple[str, str], SideResult]:
    """The newest complete results that a side means, by video and by the machine's pipeline.

    A side is `machine`, `human`, `human:ANNOTATOR`, the name of a preset, or the beginning of a batch's or a
    configuration's id. Raises `UsageError` for one that no result has.
    """
    found = {}
    for job, result in oldest_first(jobs):
        if result.status is JobStatus.COMPLETED and side in _names(
            job, result.pipeline, result.config_hash, side
        ):
            pipeline = of_machine(result.pipeline)
            key = WorkKey(job.video_id, result.pipeline, result.config_hash)
            found[job.video_id, pipeline] = SideResult(job.video_id, pipeline, key)
    if not found:
        raise UsageError(f"no complete result is {side!r}: there are {_known(jobs)}")
    return found


def _names(job: BatchJob, pipeline: str, config_hash: str, asked: str) -> set[str]:
    """All names of a result; of ids the beginning that was asked for."""
    names = {asked} if len(asked) >= 4 and _begins(job, config_hash, asked) else set()
    if not is_human(pipeline):
        preset = provenance_of(pipeline, info_of(job, pipeline)).get("preset")
        return names | {MACHINE} | ({preset} if preset else set())
    annotator = _annotator(job)
    return names | {HUMAN} | ({f"{HUMAN}:{annotator}"} if annotator else set())


def _begins(job: BatchJob, config_hash: str, asked: str) -> bool:
    return any(one.startswith(asked) for one in (job.batch_id or "", job.job_id, config_hash))


def _annotator(job: BatchJob) -> str:
    about = job.config.get("import") or job.config.get("correction")
    return str(about.get("annotator", "")) if isinstance(about, dict) else ""


def _known(jobs: Iterable[BatchJob]) -> str:
    names: dict[str, None] = {}
    for job, result in _complete(jobs):
        names |= dict.fromkeys(sorted(_names(job, result.pipeline, result.config_hash, "")))
        names |= dict.fromkeys([job.batch_id] if job.batch_id else [])
    return ", ".join(list(names)[:MAX_KNOWN]) or "no complete results"


def _complete(jobs: Iterable[BatchJob]) -> Iterable[JobResult]:
    return ((job, result) for job, result in oldest_first(jobs) if result.status is JobStatus.COMPLETED)
