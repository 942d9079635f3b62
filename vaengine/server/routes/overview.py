"""Figures for the pages: overview, quality, resources, errors."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from schemas.errors import UsageError
from schemas.work.attempt import IN_QUARANTINE
from vaengine.reporting.run_states import RunState
from vaengine.server.collection.distributions import DistributionFigures
from vaengine.server.collection.failures import (
    FailureGroup,
    failed_pipelines,
    failure_groups,
    retry_figures,
)
from vaengine.server.collection.overview import OverviewFigures, overview_of
from vaengine.server.collection.quality import QualityFigures, quality_of
from vaengine.server.context import Collection, Context, Reader, Writer
from vaengine.server.error_answers import declared
from vaengine.server.resources import Sample

router = APIRouter(prefix="/api", tags=["figures"])


class StageLane(BaseModel):
    """One pipeline of a run at work: frames, or seconds of sound, done and in all; videos that ended."""

    pipeline: str
    frames_done: int
    frames_total: int
    videos_done: int
    videos_failed: int


class RunAtWork(BaseModel):
    """A run at work, with its pace and how far each pipeline is."""

    batch_id: str
    host: str
    started_at: str
    pace: str
    chunks_in_work: int
    figures: dict[str, Any]
    lanes: list[StageLane]


class Overview(BaseModel):
    """The overview: figures over all videos, and every run at work."""

    figures: OverviewFigures
    runs: list[RunAtWork]
    newest_event: int


class FailureAction(BaseModel):
    """What is to be done with every failure of one cause, as `/api/errors` names it.

    `quarantine` keeps them from every retry and run until `release` tries them again.
    """

    model_config = ConfigDict(extra="forbid")

    action: Literal["retry", "quarantine", "release"]
    kind: Annotated[str, Field(max_length=500)]
    cause: Annotated[str, Field(max_length=100_000)]


class ChangedJobs(BaseModel):
    """How many jobs were changed."""

    jobs: int


class Failures(BaseModel):
    """Failures by cause, and how trying again ended so far."""

    groups: list[FailureGroup]
    retried: int
    retry_success_rate: float | None


@router.get("/overview", responses=declared(401, 404, 503))
def overview(collection: Collection) -> Overview:
    """How much is done, how fast, and how long it still takes."""
    return Overview(
        figures=overview_of(collection, datetime.now(UTC)),
        runs=[_at_work(run) for run in collection.live_runs],
        newest_event=collection.newest_event,
    )


@router.get("/quality", responses=declared(401, 404, 503))
def quality(collection: Collection) -> QualityFigures:
    """What stands out among the results: rates, outliers, empty results, drift between configurations."""
    return quality_of(collection.videos.values())


@router.get("/quality/distributions", responses=declared(401, 404, 503))
def distributions(context: Context, store: Reader, collection: Collection) -> DistributionFigures:
    """How sure the models were, and how many tracks a person has; ask again while `counted` < `results`."""
    return context.distributions.figures(store, collection.videos.values())


@router.get("/errors", responses=declared(401, 404, 503))
def errors(collection: Collection) -> Failures:
    """Failures by cause; the log of a video has tracebacks."""
    figures = retry_figures(collection.videos.values())
    return Failures(
        groups=failure_groups(collection.videos.values()),
        retried=figures.retried,
        retry_success_rate=figures.success_rate,
    )


@router.post("/errors/actions", responses=declared(400, 401, 403, 404, 422, 503))
def act_on_failures(store: Writer, collection: Collection, wanted: FailureAction) -> ChangedJobs:
    """Retry, quarantine or release every failure of one cause."""
    from vaengine.api import job_control

    pipelines = failed_pipelines(collection.videos.values(), wanted.kind, wanted.cause)
    if not pipelines:
        raise UsageError("nothing fails by this cause: `GET /api/errors` lists the causes")
    if (wanted.kind in IN_QUARANTINE) != (wanted.action == "release"):
        raise UsageError("what is in quarantine can be released, and nothing else")
    change = job_control.put_into_quarantine if wanted.action == "quarantine" else job_control.reopen
    change(store, pipelines)
    return ChangedJobs(jobs=len(pipelines))


@router.get("/resources", responses=declared(401, 422))
def resources(
    context: Context, hours: Annotated[float, Query(gt=0, le=9000, allow_inf_nan=False)] = 1.0
) -> list[Sample]:
    """The load of the server's machine, and of other nodes where Ray serves, the oldest first."""
    return context.resources.samples(int(time.time() - hours * 3600))


def _at_work(run: RunState) -> RunAtWork:
    lanes = run.snapshot.pipelines if run.snapshot else {}
    return RunAtWork(
        batch_id=run.batch.batch_id,
        host=run.batch.host,
        started_at=run.batch.started_at,
        pace=run.pace,
        chunks_in_work=run.snapshot.in_work if run.snapshot else 0,
        figures=run.data(),
        lanes=[
            StageLane(
                pipeline=name,
                frames_done=lane.frames_done,
                frames_total=lane.frames_total,
                videos_done=lane.videos_done,
                videos_failed=lane.videos_failed,
            )
            for name, lane in lanes.items()
        ],
    )
