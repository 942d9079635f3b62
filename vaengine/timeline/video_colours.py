"""Who is in a video, as its pictures need it: the colours of everybody, from rows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from schemas.annotations.annotation import FACE_DETECTION, FACE_IDENTITY, Annotation
from vaengine.results.audio import speech_of, turns_of
from vaengine.results.presence_intervals import Run
from vaengine.timeline.colour_assignment import Colours, assigned
from vaengine.timeline.presence import Presence


def colours_of(annotations: Iterable[Annotation], persons: Presence, faces: Presence) -> Colours:
    """Of everybody in a video's rows, of whatever types; the same rows and rates of sampling give the
    same colours in every picture.
    """
    rows = list(annotations)
    return assigned(persons.stretches(), faces.stretches(), speaking(rows), links_of(rows))


def speaking(rows: Sequence[Annotation]) -> Mapping[str, Sequence[Run]]:
    """When each speaker has a turn, or says something."""
    own: dict[str, list[Run]] = defaultdict(list)
    for turn in turns_of(rows):
        own[turn.speaker_id].append((turn.start_s, turn.end_s))
    for said in speech_of(rows):
        if said.speaker_id:
            own[said.speaker_id].append((said.start_s, said.end_s))
    return own


def links_of(rows: Iterable[Annotation]) -> Mapping[str, Sequence[str]]:
    """The persons of each face: the one in whose boxes most of it lie, then those in whose boxes no other
    face lies more often.
    """
    together = _together(rows)
    own: dict[str, list[str]] = {}
    faces: dict[str, str] = {}
    for (face, person), _ in sorted(together.items(), key=lambda pair: (-pair[1], pair[0])):
        first = faces.setdefault(person, face)
        if face not in own or first == face:
            own.setdefault(face, []).append(person)
    return own


def _together(rows: Iterable[Annotation]) -> Counter[tuple[str, str]]:
    """How often a face lies in a person's box; an identity's own row counts for one."""
    seen: Counter[tuple[str, str]] = Counter()
    for row in rows:
        if row.annotation_type == FACE_DETECTION and row.face_id and row.person_id:
            seen[row.face_id, row.person_id] += 1
        if row.annotation_type == FACE_IDENTITY and row.face_id:
            seen.update(
                (row.face_id, str(person))
                for person in row.attributes.get("persons") or filter(None, [row.person_id])
            )
    return seen
