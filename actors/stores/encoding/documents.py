"""The JSON files of a video, as a store of files keeps them and as projections of a database repeat them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from actors.stores.encoding import rows
from schemas.annotations import coco, subtitles
from schemas.annotations.annotation import Annotation
from schemas.media.video import Video
from schemas.pipelines import AUDIO, VERSIONS
from schemas.work.job import BatchJob, PipelineResult
from schemas.work.provenance import info_of

LIBRARIES: Final = (
    "vaengine",
    "ray",
    "av",
    "opencv-python",
    "scenedetect",
    "ultralytics",
    "insightface",
    "whisperx",
    "numpy",
)


@cache
def versions() -> Mapping[str, str]:
    """Versions of what made a result, as far as they are installed here."""
    found: dict[str, str] = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # a reader may have a part of them only
            continue
    return found


def sidecars(pipeline: str, video: Video | None, annotations: Sequence[Annotation]) -> dict[str, bytes]:
    """What lies beside a pipeline's file, by name: of sound what is said and who speaks when, as WebVTT,
    SubRip and RTTM; else nothing.

    A file without content must not be there: whoever writes the others removes it.
    """
    if pipeline != AUDIO:
        return {}
    uri = video.video_id if video else next((row.video_id for row in annotations), pipeline)
    texts = {
        "vtt": subtitles.webvtt(annotations),
        "srt": subtitles.srt(annotations),
        "rttm": subtitles.rttm(annotations, uri),
    }
    return {f"{pipeline}.{ending}": text.encode(errors="replace") for ending, text in texts.items()}


def pipeline_bytes(
    job: BatchJob, result: PipelineResult, video: Video | None, annotations: Iterable[Annotation]
) -> bytes:
    """A pipeline's file: COCO-shaped, its `info` telling where the rows come from, its last keys what
    lies beside it and their digest.
    """
    found, video = list(annotations), video and video.listening_to(_track(job, result.pipeline))
    files = {name: len(data) for name, data in sidecars(result.pipeline, video, found).items() if data}
    info = {
        "version": versions().get("vaengine"),
        "versions": dict(versions()),
        "pipeline": result.pipeline,
        "pipeline_version": VERSIONS.get(result.pipeline),
        "date_created": rows.time_text(result.completed_at),
        "status": result.status.value,
        "warning": result.warning,
        "error_message": result.error_message,
        "job_id": job.job_id,
        "config_hash": result.config_hash,
        **info_of(job, result.pipeline),
    }
    return coco.to_bytes(
        coco.document(result.pipeline, video, found, info=info, generation=result.digest or "", files=files)
    )


def _track(job: BatchJob, pipeline: str) -> int | None:
    """The sound track that a job asks for; None for the usual one."""
    asked: int | None = job.config.get("pipelines", {}).get(pipeline, {}).get("audio", {}).get("track")
    return asked


def job_object(job: BatchJob) -> dict[str, Any]:
    """`job_metadata.json`: a job with the states of its pipelines."""
    pipelines = {name: rows.status_row(result) for name, result in job.pipeline_results.items()}
    return rows.job_row(job) | {"config": dict(job.config), "pipelines": pipelines}


def summary_object(job: BatchJob) -> dict[str, Any]:
    """`batch_summary.json`: how a video stands, in short."""
    return {
        "video_id": job.video_id,
        "video_path": job.location,
        "job_id": job.job_id,
        "status": job.status.value,
        "error_message": job.error_message,
        "pipelines": {name: rows.status_row(result) for name, result in job.pipeline_results.items()},
    }
