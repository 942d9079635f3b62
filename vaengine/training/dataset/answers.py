"""Whose rows of a video count in a dataset: people's, the machine's, or people's where there are any."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from schemas.annotations.annotation import Annotation
from schemas.pipelines import AVAILABLE, AnsweredBy, is_human, pipelines_of
from vaengine.exporting.values.exported_video import ExportedVideo


def answering(video: ExportedVideo, source: AnsweredBy) -> Mapping[str, str]:
    """The pipeline whose result answers for each pipeline of the machine, where there is one."""
    found = {}
    for pipeline in AVAILABLE:
        own = [name for name in pipelines_of(pipeline, source) if name in video.keys]
        if own:
            found[pipeline] = own[0]
    return found


def answered_by(video: ExportedVideo, source: AnsweredBy) -> ExportedVideo:
    """The video with the results that count in the place of the machine's."""
    names = answering(video, source)
    return replace(
        video,
        keys={pipeline: video.keys[name] for pipeline, name in names.items()},
        jobs={pipeline: video.jobs[name] for pipeline, name in names.items()},
    )


def with_results_that_count(video: ExportedVideo, source: AnsweredBy) -> ExportedVideo:
    """The video with those results alone, by their own pipelines: for what a dataset says of itself."""
    names = set(answering(video, source).values())
    return replace(
        video,
        keys={name: key for name, key in video.keys.items() if name in names},
        jobs={name: job for name, job in video.jobs.items() if name in names},
    )


def videos_of(videos: Iterator[ExportedVideo], source: AnsweredBy) -> Iterator[ExportedVideo]:
    """The videos with pictures, each with the results that count."""
    return (answered_by(video, source) for video in videos if video.video.has_pictures)


def is_sure(row: Annotation, min_confidence: float) -> bool:
    """Whether a row counts: one by people always does, one by the machine from a confidence on."""
    return is_human(row.pipeline) or row.confidence is None or row.confidence >= min_confidence
