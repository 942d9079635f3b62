"""The corrections of a video: what each one says of itself in its job, and which one is undone next. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from schemas.errors import UsageError
from schemas.pipelines import is_human
from schemas.work.current_result import answering_results
from schemas.work.job import BatchJob, PipelineResult

CORRECTION: Final = "correction"  # key of a job's configuration


@dataclass(frozen=True, slots=True)
class ResultName:
    """One result of a video."""

    pipeline: str
    config_hash: str


@dataclass(frozen=True, slots=True)
class CorrectionFacts:
    """What a correction says of itself.

    `before` has, by pipeline of people, the result that undoing it leads back to. `number` counts the
    corrections of a video; undoing one leads back to the number before. `undoes` is the id of the job whose
    correction this one takes back.
    """

    number: int
    annotator: str
    edits: tuple[Mapping[str, Any], ...]
    before: Mapping[str, ResultName]
    undoes: str | None = None

    def to_data(self) -> dict[str, Any]:
        """The facts as the configuration of a job has them."""
        return {
            "number": self.number,
            "annotator": self.annotator,
            "edits": [dict(edit) for edit in self.edits],
            "before": {name: [one.pipeline, one.config_hash] for name, one in self.before.items()},
            **({"undoes": self.undoes} if self.undoes else {}),
        }

    @classmethod
    def of(cls, job: BatchJob) -> CorrectionFacts | None:
        """The facts of a job's correction; None for a job that is none."""
        data = job.config.get(CORRECTION)
        if not isinstance(data, Mapping):
            return None
        before = {name: ResultName(*one) for name, one in data["before"].items()}
        return cls(data["number"], data["annotator"], tuple(data["edits"]), before, data.get("undoes"))


@dataclass(frozen=True, slots=True)
class StoredCorrection:
    """A correction that is stored; `is_current` says that what it made is shown."""

    job: BatchJob
    facts: CorrectionFacts
    is_current: bool

    @property
    def at(self) -> datetime | None:
        """When it was made, UTC."""
        return self.job.completed_at


def revision_of(results: Iterable[PipelineResult]) -> str:
    """Another text for other results of a video, so that a correction of what is gone can be refused."""
    facts = sorted((one.pipeline, one.config_hash, one.digest or "", str(one.status)) for one in results)
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:32]


def corrections_among(jobs: Sequence[BatchJob]) -> list[StoredCorrection]:
    """The corrections among the jobs of one video, newest first."""
    current = {job.job_id for job, _ in answering_results(jobs, "corrected").values()}
    found = (
        StoredCorrection(job, facts, job.job_id in current)
        for job in jobs
        if (facts := CorrectionFacts.of(job)) is not None
    )
    return sorted(found, key=lambda one: (str(one.at), one.job.job_id), reverse=True)


def next_number(jobs: Iterable[BatchJob]) -> int:
    """The number of a new correction among the jobs of one video."""
    return 1 + max((facts.number for job in jobs if (facts := CorrectionFacts.of(job))), default=0)


@dataclass(frozen=True, slots=True)
class UndoPlan:
    """Which correction is undone: by pipeline, the result to go back to, and what undoing that leads to."""

    job_id: str
    back_to: Mapping[str, ResultName]
    facts: CorrectionFacts


def undo_plan(jobs: Sequence[BatchJob]) -> UndoPlan:
    """The plan for the newest correction that is not undone; raises `UsageError` where there is none."""
    candidates = list(_undoable(jobs))
    if not candidates:
        raise UsageError("no correction of boxes is left to undo here")
    job, facts, pipelines = max(candidates, key=lambda one: (one[1].number, str(one[0].completed_at)))
    back_to = {name: facts.before[name] for name in pipelines}
    earlier = [found for name, one in back_to.items() if (found := _facts_of(jobs, name, one))]
    before = {name: one for found in earlier for name, one in found.before.items() if name in back_to}
    number = max((found.number for found in earlier), default=0)
    return UndoPlan(job.job_id, back_to, CorrectionFacts(number, "", (), before, job.job_id))


def _undoable(jobs: Sequence[BatchJob]) -> Iterator[tuple[BatchJob, CorrectionFacts, list[str]]]:
    """Each correction that is current, with those of its pipelines of which it is."""
    answering = answering_results(jobs, "corrected").values()
    for job in {job.job_id: job for job, result in answering if is_human(result.pipeline)}.values():
        facts = CorrectionFacts.of(job)
        own = [result.pipeline for other, result in answering if other.job_id == job.job_id]
        pipelines = [name for name in own if facts and name in facts.before]
        if facts and pipelines:
            yield job, facts, pipelines


def _facts_of(jobs: Iterable[BatchJob], pipeline: str, wanted: ResultName) -> CorrectionFacts | None:
    """The facts of the correction that made a result, if one did."""
    for job in jobs:
        result = job.pipeline_results.get(wanted.pipeline)
        if wanted.pipeline == pipeline and result and result.config_hash == wanted.config_hash:
            return CorrectionFacts.of(job)
    return None
