"""Says in one line why an answer was found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Final

from schemas.annotations.annotation import Annotation
from vaengine.queries.language.document import Count, Coverage, Duration, Mean, Measure, Relation
from vaengine.queries.language.kinds import KINDS
from vaengine.queries.texts import text_of

_KIND_NAMES: Final = {kind.annotation_type: kind.name for kind in KINDS.values()}
MAX_TEXT: Final = 60  # characters of what is said


Names = Mapping[tuple[str, str], str]  # of a video and a label: who it is


def why(
    rows: Sequence[Annotation],
    steps: Sequence[Relation],
    measured: Sequence[str],
    names: Names = MappingProxyType({}),
) -> str:
    """The rows of a moment by name with the distance between them, and the numbers of the first."""
    if not rows:
        return "; ".join(measured)
    pairs = zip(pairwise(rows), steps, strict=False)
    related = ", ".join(_related(first, second, step, names) for (first, second), step in pairs)
    return "; ".join([f"{name_of(rows[0], names)} {related}".strip(), *measured])


def _related(first: Annotation, second: Annotation, step: Relation, names: Names) -> str:
    gap_s = max(0.0, _start(second) - _end(first), _start(first) - _end(second))
    apart = f" ({gap_s:.1f} s)" if gap_s else ""
    return f"{step.relation} {name_of(second, names)}{apart}"


def name_of(row: Annotation, names: Names = MappingProxyType({})) -> str:
    """What a row is called: whom or what it is of, or its type; a person by name, if there is one."""
    label = row.attributes.get("label")
    text = text_of(row)
    shown = f"“{text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + '…'}”" if text else None
    ids = (row.person_id, row.face_id, row.speaker_id)
    people = (names.get((row.video_id, each)) for each in ids if each)
    known = (label, shown, next(people, None), *ids, row.scene_id)
    return next(
        (str(name) for name in known if name), _KIND_NAMES.get(row.annotation_type, row.annotation_type)
    )


def measured(measures: Sequence[Measure], values: Sequence[float | None]) -> list[str]:
    """The numbers of a row in words: `5 person`, `speech+voice 62 %`, `-31.2 dBFS`."""
    pairs = zip(measures, values, strict=True)
    return [text for measure, value in pairs if value is not None for text in _in_words(measure, value)]


def _in_words(measure: Measure, value: float) -> Iterator[str]:
    if isinstance(measure, Count):
        yield f"{measure.count.label or measure.count.kind}: {value:g}{' at once' * measure.concurrent}"
    elif isinstance(measure, Coverage):
        names = "+".join(part.label or part.kind for part in measure.coverage)
        yield f"{names}: {100 * value:.0f} %"
    elif isinstance(measure, Mean):
        yield f"{value:.1f} dBFS"
    elif isinstance(measure, Duration):
        yield f"{value:.1f} s long"


def _start(row: Annotation) -> float:
    return row.timestamp_seconds or 0.0


def _end(row: Annotation) -> float:
    return _start(row) if row.end_seconds is None else row.end_seconds
