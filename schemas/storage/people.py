"""Persons of the collection: references to them by content, and the log of edits that says who is who."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from schemas.annotations.annotation import NAMESPACE, BBox, canonical_json
from schemas.pipelines import AUDIO, FACE, PERSON

PIPELINE_OF: Final = {"person": PERSON, "face": FACE, "speaker": AUDIO}  # by the kind of a label


class EditAction(StrEnum):
    """What an edit does."""

    NAME = "name"
    MERGE = "merge"
    SPLIT = "split"
    UNDO = "undo"


def kind_of_label(label: str) -> str:
    """`person`, `face` or `speaker`; raises ValueError for a label of another form."""
    kind, _, number = label.partition("_")
    if kind not in PIPELINE_OF or not number:
        raise ValueError(f"a label is person_N, face_N or speaker_N, not {label!r}")
    return kind


@dataclass(frozen=True, slots=True)
class Sample:
    """Where somebody was in a video: a box in one frame, or a stretch `[start_s, end_s)` of their voice.

    `bbox` is in pixels of the displayed picture, None for a voice; a box has `start_s == end_s`.
    """

    start_s: float
    end_s: float
    bbox: BBox | None = None

    def __post_init__(self) -> None:
        if self.end_s < self.start_s:
            raise ValueError(f"a sample cannot end at {self.end_s} and begin at {self.start_s}")

    def to_list(self) -> list[float]:
        """The sample as JSON: two times, and for a box x, y, width and height."""
        box = self.bbox
        return [self.start_s, self.end_s, *((box.x, box.y, box.width, box.height) if box else ())]

    @classmethod
    def from_list(cls, values: list[float]) -> Sample:
        """The reverse of `to_list`."""
        start_s, end_s, *box = map(float, values)
        return cls(start_s, end_s, BBox(*box) if box else None)


@dataclass(frozen=True, slots=True)
class PersonReference:
    """A track, a face or a speaker of one video, by content: it is found again under other ids.

    `fingerprint` is the video's, `samples` say where the person was. `vector` is the mean embedding of a face
    by `model`, little-endian float32 of length 1; both are empty where there is none. `video_id`, `label`,
    `config_hash` and `digest` (of the result) say where the person was when the reference was made: where
    all of them are unchanged, the label is right without a comparison.
    """

    fingerprint: str
    video_id: str
    label: str
    config_hash: str
    digest: str
    samples: tuple[Sample, ...]
    model: str = ""
    vector: bytes = b""

    def __post_init__(self) -> None:
        kind_of_label(self.label)
        if not self.samples:
            raise ValueError(f"{self.label} of {self.video_id} needs at least one sample")

    @property
    def kind(self) -> str:
        return kind_of_label(self.label)

    @property
    def pipeline(self) -> str:
        return PIPELINE_OF[self.kind]

    @property
    def reference_id(self) -> str:
        """A UUIDv5 of what it refers to: the same person of the same result has one reference."""
        samples = canonical_json([sample.to_list() for sample in self.samples])
        parts = (self.fingerprint, self.label, self.config_hash, samples)
        return str(uuid.uuid5(NAMESPACE, "/".join(parts)))

    def __str__(self) -> str:
        return f"{self.video_id}:{self.label}"


@dataclass(frozen=True, slots=True)
class PersonEdit:
    """One entry of the log that says who is who; entries are only ever appended.

    NAME gives `person_id` the `name` and these further `references`. MERGE adds all of `other_id` to
    `person_id`. SPLIT makes `person_id` of these `references`, which `other_id` had. UNDO takes back the edit
    `other_id`, which may be an UNDO itself. `references` are reference ids.
    """

    edit_id: str
    action: EditAction
    at: datetime
    person_id: str = ""
    other_id: str = ""
    name: str | None = None
    references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PeopleLog:
    """All edits in order, and the references that they are about by id; erased ones are missing."""

    edits: tuple[PersonEdit, ...] = ()
    references: Mapping[str, PersonReference] = field(default_factory=dict)

    @property
    def newest(self) -> str | None:
        """The id of the newest edit: what a further edit says it comes after."""
        return self.edits[-1].edit_id if self.edits else None
