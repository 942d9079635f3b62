"""Names in place of ids: the rows of a video as pictures and plots show them."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from schemas.annotations.annotation import FACE_DETECTION, PERSON_DETECTION, Annotation
from schemas.storage.backend import StorageBackend
from schemas.storage.retention import COLUMN_OF
from vaengine.people.resolution import EntityResolution


def with_names(
    store: StorageBackend, video_id: str, rows: Sequence[Annotation], *, ascii_only: bool = False
) -> tuple[Annotation, ...]:
    """The rows of a video's current results, with names in place of ids of persons who have one.

    With `ascii_only` names lose their accents, and a name of another script stays an id. Two tracks or faces
    of one person in one frame are told apart by a number.
    """
    if not store.people().edits:
        return tuple(rows)
    found = EntityResolution(store).in_video(video_id)
    names = {label: person.name for label, person in found.items() if person.name}
    if ascii_only:
        names = {label: text for label, name in names.items() if (text := ascii_text(name))}
    shown = _told_apart(names, rows)
    return tuple(_renamed(row, shown) for row in rows)


def ascii_text(name: str) -> str:
    """A name without accents; empty where letters have no such form."""
    decomposed = unicodedata.normalize("NFKD", name)
    text = decomposed.encode("ascii", "ignore").decode()
    return text if sum(map(str.isalnum, text)) == sum(map(str.isalnum, decomposed)) else ""


def _told_apart(names: Mapping[str, str], rows: Iterable[Annotation]) -> dict[str, str]:
    """What is shown for each label: the name, with a number for who is in a frame a second time."""
    frames: defaultdict[str, set[int]] = defaultdict(set)
    for row in rows:
        label = {PERSON_DETECTION: row.person_id, FACE_DETECTION: row.face_id}.get(row.annotation_type)
        if label in names and row.frame_number is not None:
            frames[str(label)].add(row.frame_number)
    shown: dict[str, str] = {}
    taken: dict[tuple[str, str], set[int]] = {}  # frames by kind and shown name
    for label, name in sorted(names.items()):
        kind, number, text = label.partition("_")[0], 1, name
        while taken.get((kind, text), set()) & frames[label]:
            number += 1
            text = f"{name} {number}"
        taken[kind, text] = taken.get((kind, text), set()) | frames[label]
        shown[label] = text
    return shown


def _renamed(row: Annotation, shown: Mapping[str, str]) -> Annotation:
    labels = ((column, getattr(row, column)) for column in COLUMN_OF.values())
    changes: dict[str, Any] = {column: shown[label] for column, label in labels if label in shown}
    persons = row.attributes.get("persons")
    if isinstance(persons, list) and any(one in shown for one in persons):
        changes["attributes"] = {**row.attributes, "persons": [shown.get(one, one) for one in persons]}
    return replace(row, **changes) if changes else row
