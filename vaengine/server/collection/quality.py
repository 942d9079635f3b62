"""The numbers of the quality page: what stands out among the results. Pure, of a snapshot.

Annotations per minute are compared within one configuration of a pipeline: another model finds more or less.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from schemas.pipelines import order_of
from vaengine.server.collection.entry import PipelineState, VideoEntry

MIN_DURATION_S: Final = 1.0  # of a video, below which a rate says nothing
OUTLIER_DEVIATIONS: Final = 5.0  # median absolute deviations from the median
MIN_FOR_OUTLIERS: Final = 8  # results
MAX_LISTED: Final = 200


@dataclass(frozen=True, slots=True)
class RateFigures:
    """Annotations per minute of video of the complete results of one configuration.

    `quartiles` are the lower one, the median and the upper one.
    """

    pipeline: str
    config_hash: str
    preset: str
    model: str
    results: int
    empty: int
    quartiles: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Outlier:
    """A result far from the others of its configuration; `ratio` is its rate by the median."""

    video_id: str
    name: str
    pipeline: str
    per_minute: float
    median: float
    ratio: float | None


@dataclass(frozen=True, slots=True)
class Drift:
    """How the median of one configuration differs from the one before; `change` is -0.2 for 20 % less.

    They are ordered by when their newest result was made.
    """

    pipeline: str
    before: str
    after: str
    before_median: float
    after_median: float
    change: float | None


@dataclass(frozen=True, slots=True)
class QualityFigures:
    """What stands out: rates by configuration, outliers, empty results, drift, and warnings."""

    rates: tuple[RateFigures, ...]
    outliers: tuple[Outlier, ...]
    empty: tuple[tuple[str, str], ...]  # video id and pipeline
    drift: tuple[Drift, ...]
    warnings: dict[str, int]


Done = tuple[VideoEntry, PipelineState]


def quality_of(videos: Iterable[VideoEntry]) -> QualityFigures:
    """What stands out among the complete results of the collection."""
    found: dict[tuple[str, str], list[Done]] = defaultdict(list)
    warnings: dict[str, int] = defaultdict(int)
    for video in videos:
        for name, state in video.machine_pipelines.items():
            if state.warning:
                warnings[name] += 1
            if state.status == "completed" and (video.duration_s or 0.0) >= MIN_DURATION_S:
                found[(name, state.config_hash)].append((video, state))
    ordered = sorted(found.items(), key=lambda item: (order_of(item[0][0]), _newest(item[1])))
    outliers = [one for (name, _), each in ordered for one in _outliers(name, each)]
    empty = [
        (video.video_id, name) for (name, _), each in ordered for video, state in each if _is_empty(state)
    ]
    return QualityFigures(
        tuple(_rates(name, config_hash, each) for (name, config_hash), each in ordered),
        tuple(sorted(outliers, key=lambda one: -abs(one.per_minute - one.median))[:MAX_LISTED]),
        tuple(empty[:MAX_LISTED]),
        tuple(_drift(dict(ordered))),
        dict(warnings),
    )


def per_minute(video: VideoEntry, state: PipelineState) -> float:
    """Annotations per minute of video."""
    return (state.annotations or 0) / (video.duration_s or 1.0) * 60.0


def _is_empty(state: PipelineState) -> bool:
    return not state.annotations


def _newest(found: Sequence[Done]) -> str:
    return max(str(state.completed_at) for _, state in found)


def _rates(pipeline: str, config_hash: str, found: Sequence[Done]) -> RateFigures:
    values = sorted(per_minute(*each) for each in found)
    state = found[0][1]
    quartiles = (_at(values, 0.25), median(values), _at(values, 0.75))
    empty = sum(_is_empty(state) for _, state in found)
    return RateFigures(pipeline, config_hash, state.preset, state.model, len(found), empty, quartiles)


def _at(values: Sequence[float], share: float) -> float:
    """The value that this share of the sorted ones stays below, between two of them."""
    place = share * (len(values) - 1)
    low = int(place)
    return values[low] + (values[min(low + 1, len(values) - 1)] - values[low]) * (place - low)


def _outliers(pipeline: str, found: Sequence[Done]) -> Iterable[Outlier]:
    if len(found) < MIN_FOR_OUTLIERS:
        return
    values = [per_minute(*each) for each in found]
    middle = median(values)
    spread = median(abs(value - middle) for value in values)
    for (video, _), value in zip(found, values, strict=True):
        if abs(value - middle) > OUTLIER_DEVIATIONS * spread:
            ratio = value / middle if middle else None
            yield Outlier(video.video_id, video.name, pipeline, value, middle, ratio)


def _drift(found: Mapping[tuple[str, str], Sequence[Done]]) -> Iterable[Drift]:
    """Each configuration of a pipeline against the one before it."""
    before: dict[str, tuple[str, float]] = {}
    for (pipeline, config_hash), each in found.items():
        middle = median(per_minute(*one) for one in each)
        if pipeline in before:
            earlier, earlier_median = before[pipeline]
            change = middle / earlier_median - 1 if earlier_median else None
            yield Drift(pipeline, earlier, config_hash, earlier_median, middle, change)
        before[pipeline] = (config_hash, middle)
