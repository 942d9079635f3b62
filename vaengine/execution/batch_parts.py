"""Runs a batch of several configurations: a run for each, under one batch id and with one report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import reduce
from itertools import chain

from schemas.packed import packed
from schemas.redaction import storable
from schemas.work.job import BatchReport, VideoOutcome
from vaengine.requests.request import RunRequest


def parts(request: RunRequest) -> tuple[RunRequest, ...]:
    """The requests of a batch in order, one for each configuration.

    Each request has all the others in `others`, for its checkpoint.
    """
    requests = [replace(part, others=(), batch_id=request.batch_id) for part in (request, *request.others)]
    return tuple(
        replace(
            part,
            others=(*requests[:index], *requests[index + 1 :]),
            part=(index + 1, len(requests)),
            since=request.since,
            verbose=request.verbose,
        )
        for index, part in enumerate(requests)
    )


def run_in_turn(request: RunRequest, run: Callable[[RunRequest], BatchReport]) -> BatchReport:
    """Run every configuration of a batch in order; returns their joint report.

    The configurations after one that was stopped, or that could store nothing more, stay pending.
    """
    reports: list[BatchReport] = []
    for part in parts(request):
        ended_early = bool(reports and (reports[-1].stopped_by or reports[-1].halted))
        reports.append(_pending_report(part, reports[-1]) if ended_early else run(part))
    return joined(reports)


def joined(reports: Sequence[BatchReport]) -> BatchReport:
    """One report for several parts of a batch, given in order."""
    return reduce(_joined_pair, reports)


def _joined_pair(first: BatchReport, second: BatchReport) -> BatchReport:
    return replace(
        first,
        outcomes=packed(chain(first.outcomes, second.outcomes)),
        wall_s=first.wall_s + second.wall_s,
        frames_decoded=first.frames_decoded + second.frames_decoded,
        video_s=first.video_s + second.video_s,
        passes=first.passes + second.passes,
        stopped_by=first.stopped_by or second.stopped_by,
        halted=first.halted or second.halted,
        ended_at=second.ended_at or first.ended_at,
    )


def _pending_report(request: RunRequest, previous: BatchReport) -> BatchReport:
    """The report of a part that was not begun since the previous one ended early."""
    outcomes = packed(VideoOutcome("", storable(path), "pending") for path in request.inputs[: request.limit])
    return BatchReport(
        previous.batch_id, outcomes, 0.0, stopped_by=previous.stopped_by, halted=previous.halted
    )
