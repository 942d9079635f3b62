"""The files people open about a video, as a store of files keeps them and as a database's projections repeat them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from actors.stores import rows
from schemas import coco
from schemas.annotation import Annotation
from schemas.job import BatchJob, PipelineResult
from schemas.pipeline import VERSIONS
from schemas.provenance import info_of
from schemas.video import Video

LIBRARIES: Final = ("vaengine", "ray", "av", "opencv-python", "scenedetect", "ultralytics", "numpy")


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


def pipeline_bytes(job: BatchJob, result: PipelineResult, video: Video | None, annotations: Iterable[Annotation]) -> bytes:
    """A pipeline's file: COCO-shaped, its `info` telling where the rows come from, its last key their digest."""
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
    return coco.to_bytes(coco.document(result.pipeline, video, annotations, info=info, generation=result.digest or ""))


def job_object(job: BatchJob) -> dict[str, Any]:
    """`job_metadata.json`: a job with the states of its pipelines."""
    pipelines = {name: rows.status_row(result) for name, result in job.pipeline_results.items()}
    return rows.job_row(job) | {"config": dict(job.config), "pipelines": pipelines}


def summary_object(job: BatchJob) -> dict[str, Any]:
    """`batch_summary.json`: how a video stands, in short."""
    return {
        "video_id": job.video_id,
        "video_path": str(job.video_path),
        "job_id": job.job_id,
        "status": job.status.value,
        "error_message": job.error_message,
        "pipelines": {name: rows.status_row(result) for name, result in job.pipeline_results.items()},
    }
