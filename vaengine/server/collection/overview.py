"""The numbers of the overview: how much is done, how fast, how long it still takes. Pure, of a snapshot."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import fmean, stdev
from typing import Final

from vaengine.server.collection.entry import PipelineState, VideoEntry
from vaengine.server.collection.index import Snapshot

HOUR_S: Final = 3600.0
MIN_FOR_RANGE: Final = 5  # finished pipelines, below which no range is told
RANGE_ERRORS: Final = 2.0  # standard errors of the mean, about 95 %
BUCKETS: Final = 60  # of the history


@dataclass(frozen=True, slots=True)
class StateHours:
    """Videos in one state, and their hours; `unknown` are without a length, and not among the hours."""

    videos: int
    hours: float
    unknown: int


@dataclass(frozen=True, slots=True)
class PipelineFigures:
    """One pipeline over all videos.

    `average_s` is the mean time from start to end of those that completed, `processing_s` the mean decode and
    model time, `realtime_factor` seconds of video for each second of that. None before the first completed.
    """

    states: dict[str, int]
    average_s: float | None
    processing_s: float | None
    realtime_factor: float | None
    annotations: int


@dataclass(frozen=True, slots=True)
class Eta:
    """Seconds left as the runs at work tell it, and a range by how much finished videos differ in pace."""

    seconds: float
    low_s: float
    high_s: float


@dataclass(frozen=True, slots=True)
class HistoryPoint:
    """What ended in one stretch of time that begins `at`, UTC."""

    at: datetime
    completed: int
    failed: int
    video_hours: float


@dataclass(frozen=True, slots=True)
class OverviewFigures:
    """The overview; `videos_per_hour` is over the last hour in which anything ended."""

    states: dict[str, StateHours]
    pipelines: dict[str, PipelineFigures]
    videos_per_hour: float | None
    eta: Eta | None
    bucket_s: float
    history: tuple[HistoryPoint, ...]


def overview_of(collection: Snapshot, now: datetime) -> OverviewFigures:
    """The overview of the collection at time `now`, UTC."""
    bucket_s, history = collection.once("history", lambda videos: history_of(videos, now))
    return OverviewFigures(
        states=states_of(collection),
        pipelines=collection.once("pipelines", _pipelines),
        videos_per_hour=collection.once("videos per hour", _videos_per_hour),
        eta=eta_of(collection),
        bucket_s=bucket_s,
        history=history,
    )


def states_of(collection: Snapshot) -> dict[str, StateHours]:
    """The videos of the collection and their hours by state."""
    return collection.once("states", _states)


def eta_of(collection: Snapshot) -> Eta | None:
    """The time left of the runs at work, the longest of them; None where one does not know it yet."""
    estimates = [run.snapshot.eta_s if run.snapshot else None for run in collection.live_runs]
    known = [each for each in estimates if each is not None]
    if not known or len(known) < len(estimates):
        return None
    seconds, spread = max(known), _relative_error(collection.videos.values())
    return Eta(seconds, seconds * (1 - spread), seconds * (1 + spread))


def history_of(videos: Iterable[VideoEntry], now: datetime) -> tuple[float, tuple[HistoryPoint, ...]]:
    """What ended when, in at most 60 stretches of equal length, the oldest first; their length in seconds.

    It is made of the store's own times, so it survives any restart.
    """
    ended = [video for video in videos if video.completed_at and video.status in ("completed", "failed")]
    if not ended:
        return HOUR_S, ()
    begin = min(video.completed_at for video in ended if video.completed_at)
    span_s = max(60.0 * BUCKETS, (now - begin).total_seconds())
    bucket_s = next(step for step in _steps() if span_s / step <= BUCKETS)
    by_bucket: dict[int, list[VideoEntry]] = defaultdict(list)
    for video in ended:
        if video.completed_at:
            by_bucket[int(video.completed_at.timestamp() // bucket_s)].append(video)
    return bucket_s, tuple(_point(number, bucket_s, by_bucket[number]) for number in sorted(by_bucket))


def _point(number: int, bucket_s: float, videos: Sequence[VideoEntry]) -> HistoryPoint:
    completed = [video for video in videos if video.status == "completed"]
    return HistoryPoint(
        datetime.fromtimestamp(number * bucket_s, UTC),
        len(completed),
        len(videos) - len(completed),
        sum(video.duration_s or 0.0 for video in completed) / HOUR_S,
    )


def _steps() -> Iterable[float]:
    yield from (60.0, 300.0, 900.0, 3600.0, 4 * 3600.0, 86400.0)
    step = 7 * 86400.0
    while True:
        yield step
        step *= 2


def _states(videos: Iterable[VideoEntry]) -> dict[str, StateHours]:
    found: dict[str, list[float | None]] = defaultdict(list)
    for video in videos:
        found[video.status].append(video.duration_s)
    return {
        status: StateHours(
            len(lengths), sum(each or 0.0 for each in lengths) / HOUR_S, sum(each is None for each in lengths)
        )
        for status, lengths in sorted(found.items())
    }


def _pipelines(videos: Iterable[VideoEntry]) -> dict[str, PipelineFigures]:
    found: dict[str, list[tuple[VideoEntry, PipelineState]]] = defaultdict(list)
    for video in videos:
        for name, state in video.machine_pipelines.items():
            found[name].append((video, state))
    return {name: _figures(each) for name, each in found.items()}


def _figures(found: Sequence[tuple[VideoEntry, PipelineState]]) -> PipelineFigures:
    states: dict[str, int] = defaultdict(int)
    for _, state in found:
        states[state.status] += 1
    done = [(video, state) for video, state in found if state.status == "completed"]
    walls = [_wall_s(state) for _, state in done if state.started_at and state.completed_at]
    worked = [(video.duration_s or 0.0, state.processing_s) for video, state in done if state.processing_s]
    processing_s = sum(seconds for _, seconds in worked)
    return PipelineFigures(
        dict(states),
        fmean(walls) if walls else None,
        processing_s / len(worked) if worked else None,
        sum(length for length, _ in worked) / processing_s if processing_s > 0 else None,
        sum(state.annotations or 0 for _, state in done),
    )


def _wall_s(state: PipelineState) -> float:
    assert state.started_at is not None
    assert state.completed_at is not None
    return (state.completed_at - state.started_at).total_seconds()


def _videos_per_hour(videos: Iterable[VideoEntry]) -> float | None:
    ends = sorted(
        video.completed_at
        for video in videos
        if video.completed_at and video.started_at != video.completed_at
    )
    if len(ends) < 2:
        return None
    last_hour = [end for end in ends if end > ends[-1] - timedelta(hours=1)]
    span_s = (last_hour[-1] - last_hour[0]).total_seconds()
    return (len(last_hour) - 1) / span_s * HOUR_S if span_s > 0 else None


def _relative_error(videos: Iterable[VideoEntry]) -> float:
    """By which share of it the mean pace may be wrong, by how much finished videos differ; 0.5 for few."""
    paces = [
        sum(state.processing_s or 0.0 for state in video.pipelines.values()) / video.duration_s
        for video in videos
        if video.status == "completed" and video.duration_s
    ]
    known = [pace for pace in paces if pace > 0]
    if len(known) < MIN_FOR_RANGE:
        return 0.5
    return min(0.9, RANGE_ERRORS * stdev(known) / fmean(known) / math.sqrt(len(known)))
