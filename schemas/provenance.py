"""What made a result: kept in the configuration of its job, in the `info` of its COCO-shaped document, and told in few words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.job import BatchJob
from schemas.pipeline import PERSON

Provenance = Mapping[str, str]


def info_of(job: BatchJob, pipeline: str) -> dict[str, Any]:
    """`configuration`, `preset` and `model` of one pipeline's result; what the job does not tell is None.

    `model` is the file's name and its sha256. A job that was saved by hand has one configuration for all of its pipelines.
    """
    parts = {section: _mapping(job.config.get(section)).get(pipeline) for section in ("pipelines", "presets", "models")}
    return {"configuration": parts["pipelines"] or dict(job.config), "preset": parts["presets"], "model": parts["models"]}


def provenance_of(pipeline: str, info: Mapping[str, Any]) -> Provenance:
    """What is known of: `preset`, `detector`, `model` (a file's name), `sha256`, `runtime`, `precision`, `tracker`, in this order."""
    configuration, model = _mapping(info.get("configuration")), _mapping(info.get("model"))
    own = _mapping(configuration.get("person" if pipeline == PERSON else "scene"))
    known = {
        "preset": info.get("preset"),
        "detector": own.get("detector"),
        "model": model.get("file"),
        "sha256": model.get("sha256") or own.get("weights_sha256"),
        **{name: own.get(name) for name in ("runtime", "precision", "tracker")},
    }
    return {name: str(value) for name, value in known.items() if value not in (None, "auto")}


def _mapping(value: object) -> Mapping[str, Any]:
    """Jobs saved by hand may be configured with anything."""
    return value if isinstance(value, Mapping) else {}
