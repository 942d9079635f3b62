"""The colours of all persons, faces and speakers in a video, from its rows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from schemas.annotations.annotation import FACE_DETECTION, FACE_IDENTITY, Annotation
from vaengine.results.audio import speech_of, turns_of
from vaengine.results.presence_intervals import Run
from vaengine.timeline.colour_assignment import Colours, assigned
from vaengine.timeline.presence import Presence


def colours_of(annotations: Iterable[Annotation], persons: Presence, faces: Presence) -> Colours:
    """Assign colours to everybody in a video's rows, which may be of any types.

    The same rows and sampling rates give the same colours in every drawing.
    """
    rows = list(annotations)
    return assigned(persons.runs(), faces.runs(), speaker_runs(rows), links_of(rows))


def speaker_runs(rows: Sequence[Annotation]) -> Mapping[str, Sequence[Run]]:
    """The times `[start_s, end_s)` of each speaker's turns and speech."""
    runs: dict[str, list[Run]] = defaultdict(list)
    for turn in turns_of(rows):
        runs[turn.speaker_id].append((turn.start_s, turn.end_s))
    for speech in speech_of(rows):
        if speech.speaker_id:
            runs[speech.speaker_id].append((speech.start_s, speech.end_s))
    return runs


def links_of(rows: Iterable[Annotation]) -> Mapping[str, Sequence[str]]:
    """The persons of each face, the likeliest first.

    The likeliest is the person in whose boxes the face lies most often. The others are those in whose boxes
    no other face lies more often.
    """
    counts = _link_counts(rows)
    persons_by_face: dict[str, list[str]] = {}
    best_faces: dict[str, str] = {}
    for (face, person), _ in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])):
        best_face = best_faces.setdefault(person, face)
        if face not in persons_by_face or best_face == face:
            persons_by_face.setdefault(face, []).append(person)
    return persons_by_face


def _link_counts(rows: Iterable[Annotation]) -> Counter[tuple[str, str]]:
    """How often each face lies in a box of each person; the row of a face identity counts as one."""
    counts: Counter[tuple[str, str]] = Counter()
    for row in rows:
        if row.annotation_type == FACE_DETECTION and row.face_id and row.person_id:
            counts[row.face_id, row.person_id] += 1
        if row.annotation_type == FACE_IDENTITY and row.face_id:
            counts.update(
                (row.face_id, str(person))
                for person in row.attributes.get("persons") or filter(None, [row.person_id])
            )
    return counts
