"""How much was found in videos: counted by the store, shown as columns and as one line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from schemas.annotations.annotation import (
    FACE_DETECTION,
    FACE_IDENTITY,
    PERSON_TRACK,
    SCENE_TYPE,
    SPEECH,
    VOICE_ACTIVITY,
)
from schemas.pipelines import AUDIO, FACE, PERSON, SCENE
from schemas.storage.backend import ResultStore, RowCount
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob, JobStatus
from vaengine.console.units import counted
from vaengine.results.lookup import newest_results

TITLES: Final = ("scenes", "persons", "faces", "speech")
KINDS: Final = {
    SCENE: (SCENE_TYPE,),
    PERSON: (PERSON_TRACK,),
    FACE: (FACE_IDENTITY, FACE_DETECTION),
    AUDIO: (SPEECH, VOICE_ACTIVITY),
}
UNKNOWN: Final = "-"
NONE: Final = RowCount(0, 0.0)
Number = TypeVar("Number", int, float)


@dataclass(frozen=True, slots=True)
class FoundCounts:
    """What was found in one video or in several; None where a pipeline has no complete result.

    `faces` are persons told apart by their faces, `face_boxes` all boxes of faces; `speech_s` are seconds of
    speech with text, `voice_s` seconds in which somebody speaks.
    """

    scenes: int | None = None
    persons: int | None = None
    faces: int | None = None
    face_boxes: int | None = None
    speech_s: float | None = None
    voice_s: float | None = None

    @classmethod
    def of(cls, counts: Mapping[str, Mapping[str, RowCount]]) -> FoundCounts:
        """From the counts of each complete pipeline's result, by pipeline and type of row."""
        rows = {
            kind: counts[name].get(kind, NONE)
            for name, kinds in KINDS.items()
            if name in counts
            for kind in kinds
        }
        numbers = (
            rows[kind].rows if kind in rows else None
            for kind in (SCENE_TYPE, PERSON_TRACK, FACE_IDENTITY, FACE_DETECTION)
        )
        seconds = (rows[kind].seconds if kind in rows else None for kind in (SPEECH, VOICE_ACTIVITY))
        return cls(*numbers, *seconds)

    def __add__(self, other: FoundCounts) -> FoundCounts:
        return FoundCounts(
            _sum(self.scenes, other.scenes),
            _sum(self.persons, other.persons),
            _sum(self.faces, other.faces),
            _sum(self.face_boxes, other.face_boxes),
            _sum(self.speech_s, other.speech_s),
            _sum(self.voice_s, other.voice_s),
        )

    @property
    def cells(self) -> tuple[str, ...]:
        """One for each of `TITLES`."""
        numbers = (UNKNOWN if number is None else f"{number:,}" for number in (self.scenes, self.persons))
        return (*numbers, self._faces_cell, self._speech_cell)

    @property
    def _faces_cell(self) -> str:
        if self.faces is None:
            return UNKNOWN
        return f"{self.faces:,}" if self.faces or not self.face_boxes else f"{self.face_boxes:,} seen"

    @property
    def _speech_cell(self) -> str:
        if self.speech_s is None:
            return UNKNOWN
        return (
            f"{length(self.voice_s)} voice" if self.voice_s and not self.speech_s else length(self.speech_s)
        )

    @property
    def has_pictures(self) -> bool:
        """Whether there is anything that was seen: a file of sound alone has not even a scene."""
        return bool(self.scenes or self.persons or self.face_boxes)

    @property
    def is_nothing(self) -> bool:
        """Whether somebody was looked or listened for, and nobody was found anywhere."""
        looked = (self.persons, self.face_boxes, self.voice_s)
        return any(number is not None for number in looked) and not any((*looked, self.speech_s))

    def __str__(self) -> str:
        faces = (self.faces, "face") if self.faces or not self.face_boxes else (self.face_boxes, "face box")
        numbers = ((self.scenes, "scene"), (self.persons, "person"), faces)
        parts = [_counted(number, noun) for number, noun in numbers if number is not None]
        if self.speech_s is not None:
            parts.append(
                f"{length(self.voice_s)} of voice"
                if self.voice_s and not self.speech_s
                else f"{length(self.speech_s)} of speech"
            )
        return ", ".join(parts)


def found_in(
    store: ResultStore, jobs: Iterable[BatchJob], by: Callable[[BatchJob], str]
) -> dict[str, FoundCounts]:
    """What the newest complete result of each pipeline has, for jobs that are alike `by` something: one
    question to the store for all.
    """
    alike: dict[str, list[BatchJob]] = {}
    for job in jobs:
        alike.setdefault(by(job), []).append(job)
    keys = {name: _complete(own) for name, own in alike.items()}
    kinds = [kind for kinds in KINDS.values() for kind in kinds]
    counts = store.row_counts([key for own in keys.values() for key in own], kinds)
    return {
        name: FoundCounts.of({key.pipeline: counts.get(key, {}) for key in own}) for name, own in keys.items()
    }


def _complete(jobs: Iterable[BatchJob]) -> list[WorkKey]:
    newest = newest_results(jobs).items()
    return [
        WorkKey(job.video_id, name, result.config_hash)
        for name, (job, result) in newest
        if result.status is JobStatus.COMPLETED and name in KINDS
    ]


def found_line(found: FoundCounts, videos: int) -> str:
    """`found 12 scenes, 4 persons, 3 faces, 2.1 min of speech in 3 videos`; empty where nothing is
    complete.
    """
    return f"found {found} in {counted(videos, 'video')}" if str(found) else ""


def length(seconds: float | None) -> str:
    """`42 s`, `2.1 min`."""
    whole_s = seconds or 0.0
    return f"{whole_s / 60:,.1f} min" if whole_s >= 60 else f"{whole_s:.0f} s"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} face boxes" if noun == "face box" and number != 1 else counted(number, noun)


def _sum(one: Number | None, other: Number | None) -> Number | None:
    return other if one is None else one if other is None else one + other
