"""The videos of a dataset with the results that count in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from schemas.pipelines import AnsweredBy
from vaengine.exporting.values.answers import answered_by, answering
from vaengine.exporting.values.exported_video import ExportedVideo


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
