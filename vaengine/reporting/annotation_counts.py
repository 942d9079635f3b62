"""Counts of the annotations in videos, as columns of a table and as one line."""

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

TITLES: Final = ("scenes", "persons", "faces", "speech")  # of the columns
KINDS: Final = {  # kinds of rows that are counted, by pipeline
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
    """Counts of annotations in one or more videos; None where a pipeline has no complete result.

    `faces` is the number of persons by their faces, `face_boxes` that of all boxes of faces. `speech_s` is
    the duration of speech with text, `voice_s` that of voice activity.
    """

    scenes: int | None = None
    persons: int | None = None
    faces: int | None = None
    face_boxes: int | None = None
    speech_s: float | None = None
    voice_s: float | None = None

    @classmethod
    def of(cls, counts: Mapping[str, Mapping[str, RowCount]]) -> FoundCounts:
        """The counts in complete results, given the row counts by pipeline and kind."""
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
        """The cells of a table, one for each of `TITLES`."""
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
        """Whether anything was found in frames. A file of sound alone has not even a scene."""
        return bool(self.scenes or self.persons or self.face_boxes)

    @property
    def is_nothing(self) -> bool:
        """Whether persons, faces or voices were searched for, and nobody was found."""
        searched = (self.persons, self.face_boxes, self.voice_s)
        return any(number is not None for number in searched) and not any((*searched, self.speech_s))

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
    """Counts in the newest complete result of each pipeline, for groups of jobs with the same `by(job)`.

    The store answers one query for all groups.
    """
    groups: dict[str, list[BatchJob]] = {}
    for job in jobs:
        groups.setdefault(by(job), []).append(job)
    keys_by_group = {name: _complete_keys(group) for name, group in groups.items()}
    kinds = [kind for kinds in KINDS.values() for kind in kinds]
    counts = store.row_counts([key for keys in keys_by_group.values() for key in keys], kinds)
    return {
        name: FoundCounts.of({key.pipeline: counts.get(key, {}) for key in keys})
        for name, keys in keys_by_group.items()
    }


def _complete_keys(jobs: Iterable[BatchJob]) -> list[WorkKey]:
    newest = newest_results(jobs).items()
    return [
        WorkKey(job.video_id, name, result.config_hash)
        for name, (job, result) in newest
        if result.status is JobStatus.COMPLETED and name in KINDS
    ]


def found_line(found: FoundCounts, videos: int) -> str:
    """`found 12 scenes, 4 persons, 3 faces, 2.1 min of speech in 3 videos`; empty without results."""
    return f"found {found} in {counted(videos, 'video')}" if str(found) else ""


def length(seconds: float | None) -> str:
    """A duration as text: `42 s`, `2.1 min`; None is 0."""
    duration_s = seconds or 0.0
    return f"{duration_s / 60:,.1f} min" if duration_s >= 60 else f"{duration_s:.0f} s"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} face boxes" if noun == "face box" and number != 1 else counted(number, noun)


def _sum(first: Number | None, second: Number | None) -> Number | None:
    return second if first is None else first if second is None else first + second
