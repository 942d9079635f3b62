"""The names, order and versions of the pipelines."""

from __future__ import annotations

import difflib
from typing import Final, Literal, TypeAlias, get_args

from schemas.errors import UnknownPipeline, UsageError

SCENE: Final = "scene_detection"
PERSON: Final = "person_tracking"
FACE: Final = "face_analysis"
AUDIO: Final = "audio_processing"

BEHAVIOR: Final = "behavior"  # What only people annotate; no model finds it.

SHORT_NAMES: Final = {"scene": SCENE, "person": PERSON, "face": FACE, "audio": AUDIO}
AVAILABLE: Final = (SCENE, PERSON, FACE, AUDIO)
SEEING: Final = (PERSON, FACE)  # Their models look at sampled pictures.

# A pipeline's version is part of its config_hash: raise it when the same settings would give other rows.
VERSIONS: Final = {SCENE: "1", PERSON: "1", FACE: "2", AUDIO: "4"}


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
    short = next((short for short, full in SHORT_NAMES.items() if full == of_machine(pipeline)), None)
    if short is None:
        return pipeline
    return f"human {short}" if is_human(pipeline) else short


# Rows that people made lie beside those of the machine, as results of a pipeline of their own.

Source: TypeAlias = Literal["machine", "human"]
# Who answers a query; `corrected` is people where they annotated a video, and the machine elsewhere.
AnsweredBy: TypeAlias = Literal["machine", "human", "corrected"]
HUMAN_SUFFIX: Final = "_human"


def source_named(name: str) -> AnsweredBy:
    """The name as a source of answers; raises `UsageError` for an unknown one."""
    for source in get_args(AnsweredBy):
        if name == source:
            known: AnsweredBy = source
            return known
    raise UsageError(f"--source is {', '.join(get_args(AnsweredBy))}, not {name!r}")


def of_human(pipeline: str) -> str:
    """The pipeline of rows that people made of what this pipeline finds: `person_tracking_human`."""
    return pipeline if is_human(pipeline) else pipeline + HUMAN_SUFFIX


def of_machine(pipeline: str) -> str:
    """The pipeline that finds by model what people made: the reverse of `of_human`."""
    return pipeline.removesuffix(HUMAN_SUFFIX)


def is_human(pipeline: str) -> bool:
    """Whether a pipeline's rows were made by people."""
    return pipeline.endswith(HUMAN_SUFFIX)


def source_of(pipeline: str) -> Source:
    """Who made the rows of a pipeline."""
    return "human" if is_human(pipeline) else "machine"


def pipelines_of(pipeline: str, answered_by: AnsweredBy) -> tuple[str, ...]:
    """The pipelines whose results answer for this one, the first that has a result of a video first."""
    machine, human = of_machine(pipeline), of_human(pipeline)
    return {"machine": (machine,), "human": (human,), "corrected": (human, machine)}[answered_by]


def order_of(pipeline: str) -> tuple[int, str]:
    """Sorting key of pipelines: scenes, persons, faces, sound, then unknown pipelines by name."""
    found = of_machine(pipeline)
    return (AVAILABLE.index(found) if found in AVAILABLE else len(AVAILABLE), pipeline)
