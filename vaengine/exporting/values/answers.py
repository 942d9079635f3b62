"""Whose rows of a video count: people's, the machine's, or people's where there are any."""

from __future__ import annotations

from collections.abc import Mapping
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
    """The video with the results that count in the place of the machine's, whose sampling they have."""
    names = answering(video, source)
    return replace(
        video,
        keys={pipeline: video.keys[name] for pipeline, name in names.items()},
        jobs={pipeline: video.jobs[name] for pipeline, name in names.items()},
        sampled={pipeline: video.jobs[pipeline] for pipeline in names if pipeline in video.jobs},
    )


def is_sure(row: Annotation, min_confidence: float) -> bool:
    """Whether a row counts: one by people always does, one by the machine from a confidence on."""
    return is_human(row.pipeline) or row.confidence is None or row.confidence >= min_confidence
