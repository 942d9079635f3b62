"""Makes the JSON files of a video, which a store of files keeps and the projection of a database repeats."""

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
    """The versions of the libraries that make a result, as far as they are installed here."""
    versions_found: dict[str, str] = {}
    for name in LIBRARIES:
        try:
            versions_found[name] = version(name)
        except PackageNotFoundError:  # a reader may have only some of them
            continue
    return versions_found


def sidecars(pipeline: str, video: Video | None, annotations: Sequence[Annotation]) -> dict[str, bytes]:
    """The files beside a pipeline's JSON file, by name: WebVTT, SubRip and RTTM of audio, else none.

    A file with empty content must not exist: the writer of the others removes it.
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
    """A pipeline's JSON file, COCO-shaped.

    `info` has the provenance of the rows, the last keys the files beside it and the digest of the rows.
    """
    stored, video = list(annotations), video and video.listening_to(_track(job, result.pipeline))
    files = {name: len(data) for name, data in sidecars(result.pipeline, video, stored).items() if data}
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
        coco.document(result.pipeline, video, stored, info=info, generation=result.digest or "", files=files)
    )


def _track(job: BatchJob, pipeline: str) -> int | None:
    """The sound track in a job's configuration; None for the default one."""
    track: int | None = job.config.get("pipelines", {}).get(pipeline, {}).get("audio", {}).get("track")
    return track


def job_object(job: BatchJob) -> dict[str, Any]:
    """The content of `job_metadata.json`: a job with the states of its pipelines."""
    pipelines = {name: rows.status_row(result) for name, result in job.pipeline_results.items()}
    return rows.job_row(job) | {"config": dict(job.config), "pipelines": pipelines}


def summary_object(job: BatchJob) -> dict[str, Any]:
    """The content of `batch_summary.json`: the states of a video's pipelines, in short."""
    return {
        "video_id": job.video_id,
        "video_path": job.location,
        "job_id": job.job_id,
        "status": job.status.value,
        "error_message": job.error_message,
        "pipelines": {name: rows.status_row(result) for name, result in job.pipeline_results.items()},
    }
