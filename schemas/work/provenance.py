"""The provenance of a result: preset, model, digest, device and settings.

It is kept in the configuration of the result's job and in the `info` of its COCO-shaped document.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from schemas.pipelines import SHORT_NAMES
from schemas.work.job import BatchJob

Provenance = Mapping[str, str]

_SECTIONS: Final = {pipeline: short for short, pipeline in SHORT_NAMES.items()}
_DIGESTS: Final = ("weights_sha256", "pack_sha256", "model_sha256")


def info_of(job: BatchJob, pipeline: str) -> dict[str, Any]:
    """`configuration`, `preset` and `model` of one pipeline's result; None for what the job does not have.

    `model` is the file's name and its sha256. A job that was saved by hand has one configuration for all of
    its pipelines.
    """
    parts = {
        section: _mapping(job.config.get(section)).get(pipeline)
        for section in ("pipelines", "presets", "models")
    }
    return {
        "configuration": parts["pipelines"] or dict(job.config),
        "preset": parts["presets"],
        "model": parts["models"],
    }


def provenance_of(pipeline: str, info: Mapping[str, Any]) -> Provenance:
    """The known facts of a result, in this order.

    `preset`, `detector`, `model` (the name of a file, pack or folder), `sha256`, `runtime`, `device`,
    `precision`, `tracker`, `speakers` and `events` (names of their models).
    """
    model, own = _mapping(info.get("model")), own_settings(pipeline, info.get("configuration"))
    known = {
        "preset": info.get("preset"),
        "detector": own.get("detector"),
        "model": model.get("file"),
        "sha256": model.get("sha256") or next((own[name] for name in _DIGESTS if own.get(name)), None),
        **{name: own.get(name) for name in ("runtime", "device")},
        "precision": own.get("precision") or own.get("compute_type"),
        "tracker": own.get("tracker"),
        "speakers": own.get("speaker_model") if own.get("speakers") == "on" else None,
        "events": own.get("events_model"),
    }
    return {name: str(value) for name, value in known.items() if value not in (None, "auto")}


def sample_fps(pipeline: str, info: Mapping[str, Any], video_fps: float) -> float | None:
    """Frames per second that a pipeline really sampled from a video of `video_fps`.

    None where the configuration does not say.
    """
    configured = own_settings(pipeline, info.get("configuration")).get("sample_fps")
    return (
        min(float(configured), video_fps)
        if isinstance(configured, int | float) and configured > 0 and video_fps > 0
        else None
    )


def own_settings(pipeline: str, configuration: object) -> Mapping[str, Any]:
    """The section of a pipeline's own settings in its configuration; empty for jobs made by hand."""
    return _mapping(_mapping(configuration).get(_SECTIONS.get(pipeline, pipeline)))


def _mapping(value: object) -> Mapping[str, Any]:
    """The value if it is a mapping, else an empty one: jobs saved by hand may have any configuration."""
    return value if isinstance(value, Mapping) else {}
