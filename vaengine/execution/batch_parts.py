"""Runs a batch of several configurations: one run for each, under one batch id and with one report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import reduce

from schemas.redaction import storable
from schemas.work.job import BatchReport, VideoOutcome
from vaengine.requests.request import RunRequest


def parts(request: RunRequest) -> tuple[RunRequest, ...]:
    """The requests of a batch in their order, one for each configuration; each knows all the others, as
    its checkpoint will.
    """
    alone = [replace(one, others=(), batch_id=request.batch_id) for one in (request, *request.others)]
    count = len(alone)
    return tuple(
        replace(
            one,
            others=(*alone[:number], *alone[number + 1 :]),
            part=(number + 1, count),
            since=request.since,
            verbose=request.verbose,
        )
        for number, one in enumerate(alone)
    )


def run_in_turn(request: RunRequest, run: Callable[[RunRequest], BatchReport]) -> BatchReport:
    """Run every configuration of a batch; after one that was stopped, or that could store nothing more,
    the rest is left pending.
    """
    reports: list[BatchReport] = []
    for part in parts(request):
        ended_early = bool(reports and (reports[-1].stopped_by or reports[-1].halted))
        reports.append(_not_begun(part, reports[-1]) if ended_early else run(part))
    return joined(reports)


def joined(reports: Sequence[BatchReport]) -> BatchReport:
    """Several reports of one batch as one."""
    return reduce(_with, reports)


def _with(first: BatchReport, then: BatchReport) -> BatchReport:
    return replace(
        first,
        outcomes=first.outcomes + then.outcomes,
        wall_s=first.wall_s + then.wall_s,
        frames_decoded=first.frames_decoded + then.frames_decoded,
        video_s=first.video_s + then.video_s,
        passes=first.passes + then.passes,
        stopped_by=first.stopped_by or then.stopped_by,
        halted=first.halted or then.halted,
        ended_at=then.ended_at or first.ended_at,
    )


def _not_begun(request: RunRequest, before: BatchReport) -> BatchReport:
    outcomes = tuple(VideoOutcome("", storable(path), "pending") for path in request.inputs[: request.limit])
    return BatchReport(before.batch_id, outcomes, 0.0, stopped_by=before.stopped_by, halted=before.halted)
