"""What an export is: of what, from which runs and settings, by which version, and what it lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from schemas.pipelines import source_of
from schemas.work.provenance import info_of, provenance_of
from vaengine.console.units import timestamp
from vaengine.exporting.format import Format
from vaengine.exporting.values.exported_video import ExportedVideo
from vaengine.exporting.values.source import Source


def manifest_of(
    chosen: Format, source: Source, rows: Mapping[str, int], files: Mapping[str, int]
) -> dict[str, Any]:
    """The manifest of an export: rows that were read by type, and sizes of files in bytes by name."""
    from vaengine import __version__

    stretches = source.selection.stretches
    return {
        "format": chosen.name,
        "vaengine": __version__,
        "made_at": timestamp(),
        "store": source.store.url,
        "selection": source.selection.asked,
        "options": asdict(source.options),
        "boxes_between_samples": _between(chosen, source),
        "rows": dict(rows),
        "losses": [asdict(loss) for loss in source.losses.all()],
        "left_out": list(chosen.left_out),
        "videos": [
            {**video_facts(video), **({"stretches": stretches[video.video_id]} if stretches else {})}
            for video in source.videos()
        ],
        "files": dict(files),
    }


def _between(chosen: Format, source: Source) -> str:
    """How boxes between sampled frames come about, in words."""
    if chosen.draws_lines:
        return "drawn by the program that reads the file, in straight lines between the boxes in it"
    return "interpolated in straight lines" if source.options.interpolate else "none"


def video_facts(video: ExportedVideo) -> dict[str, Any]:
    """What a video is, and which runs and settings its results are of."""
    facts = video.video
    return {
        "video_id": video.video_id,
        "path": facts.path,
        "fingerprint": facts.fingerprint,
        "width": facts.width,
        "height": facts.height,
        "rotation": facts.rotation,
        "fps": video.fps,
        "has_variable_frame_rate": video.is_variable,
        "frame_count": facts.frame_count,
        "duration_s": facts.duration_s,
        "results": {pipeline: _result(video, pipeline) for pipeline in sorted(video.keys)},
    }


def _result(video: ExportedVideo, pipeline: str) -> dict[str, Any]:
    """The run that made a result, and its settings."""
    job, name = video.jobs[pipeline], video.keys[pipeline].pipeline
    info, result = info_of(job, name), job.pipeline_results[name]
    return {
        "source": source_of(name),
        "config_hash": video.keys[pipeline].config_hash,
        "digest": result.digest,
        "job_id": job.job_id,
        "batch_id": job.batch_id,
        "completed_at": result.completed_at.isoformat() if result.completed_at else None,
        "warning": result.warning,
        "sample_fps": video.sample_fps(pipeline),
        **provenance_of(pipeline, info),
        "configuration": info["configuration"],
    }
