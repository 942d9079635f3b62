"""The names, order and versions of the pipelines."""

from __future__ import annotations

import difflib
from typing import Final

from schemas.errors import UnknownPipeline

SCENE: Final = "scene_detection"
PERSON: Final = "person_tracking"
FACE: Final = "face_analysis"
AUDIO: Final = "audio_processing"

SHORT_NAMES: Final = {"scene": SCENE, "person": PERSON, "face": FACE, "audio": AUDIO}
AVAILABLE: Final = (SCENE, PERSON, FACE, AUDIO)
SEEING: Final = (PERSON, FACE)  # Their models look at sampled pictures.

# A pipeline's version is part of its config_hash: raise it when the same settings would give other rows.
VERSIONS: Final = {SCENE: "1", PERSON: "1", FACE: "2", AUDIO: "2"}


def pipeline_named(name: str) -> str:
    """The full name for a short or full pipeline name; raises `UnknownPipeline`."""
    full = SHORT_NAMES.get(name.strip().lower(), name.strip().lower())
    if full in AVAILABLE:
        return full
    shorts = [short for short, known in SHORT_NAMES.items() if known in AVAILABLE]
    near = difflib.get_close_matches(name, shorts, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise UnknownPipeline(name, ", ".join(shorts) + hint)


def short_name_of(pipeline: str) -> str:
    """The short name that people type: `person` for `person_tracking`; an unknown pipeline's own name."""
    return next((short for short, full in SHORT_NAMES.items() if full == pipeline), pipeline)


def order_of(pipeline: str) -> tuple[int, str]:
    """Sorting key of pipelines: scenes, persons, faces, sound, then unknown pipelines by name."""
    return (AVAILABLE.index(pipeline) if pipeline in AVAILABLE else len(AVAILABLE), pipeline)
