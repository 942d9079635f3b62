"""What is heard in a video, as values: speech and its words, speakers' turns, sound events, voice activity,
loudness.

All seconds count from the first frame, or from the first sample of a file of sound alone; sound that begins
before the first picture has times below 0.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np

from schemas.annotations.annotation import (
    AUDIO_EVENT,
    LOUDNESS,
    SPEAKER,
    SPEECH,
    VOICE_ACTIVITY,
    WORD,
    Annotation,
)
from schemas.media.frames import Floats
from vaengine.results.arrays import Arrays, frozen


class Interval(Protocol):
    """Anything that lasts `[start_s, end_s)`."""

    @property
    def start_s(self) -> float: ...

    @property
    def end_s(self) -> float: ...


OneStretch = TypeVar("OneStretch", bound=Interval)


@dataclass(frozen=True, slots=True)
class Word:
    """One word of what is said; `confidence` in 0..1 is that of its times."""

    text: str
    start_s: float
    end_s: float
    speaker_id: str | None = None
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Speech:
    """Something that is said: its text, and the words of it whose times are known."""

    text: str
    start_s: float
    end_s: float
    language: str | None = None
    speaker_id: str | None = None
    confidence: float | None = None
    words: tuple[Word, ...] = ()

    def __repr__(self) -> str:
        return f"Speech({self.text!r}, {self.start_s:.2f} to {self.end_s:.2f} s, {self.speaker_id})"


@dataclass(frozen=True, slots=True)
class Turn:
    """One speaker speaks."""

    speaker_id: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class SoundEvent:
    """A sound that was recognised, such as laughter."""

    label: str
    start_s: float
    end_s: float
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Voice:
    """Somebody is speaking, whoever it is and whatever is said."""

    start_s: float
    end_s: float
    confidence: float | None = None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Loudness(Arrays):
    """How loud it is, second by second, as read-only arrays of N float64.

    `times_s` are when each second begins; `rms_dbfs` and `peak_dbfs` its mean and its highest level, in
    decibels below full scale.
    """

    times_s: Floats
    rms_dbfs: Floats
    peak_dbfs: Floats

    @classmethod
    def of(cls, rows: Iterable[Annotation]) -> Loudness:
        """From rows of any types, in any order."""
        found = _timed(rows, LOUDNESS)
        levels = ([row.attributes.get(name) for row in found] for name in ("rms_dbfs", "peak_dbfs"))
        return cls(
            frozen([row.timestamp_seconds for row in found], np.float64),
            *(frozen(level, np.float64) for level in levels),
        )


def speech_of(rows: Sequence[Annotation]) -> Iterator[Speech]:
    """What is said, in order of time; each word belongs to the speech that it lies in, or else to the one
    before it.
    """
    said = [(row, *times) for row in _timed(rows, SPEECH) if (times := _times(row))]
    starts_s = [start_s for _, start_s, _ in said]
    own: dict[int, list[Word]] = defaultdict(list)
    for word in _words(rows):
        own[max(0, bisect_right(starts_s, (word.start_s + word.end_s) / 2) - 1)].append(word)
    for number, (row, start_s, end_s) in enumerate(said):
        text, language = str(row.attributes.get("text") or ""), row.attributes.get("language")
        yield Speech(text, start_s, end_s, language, row.speaker_id, row.confidence, tuple(own[number]))


def turns_of(rows: Iterable[Annotation]) -> Iterator[Turn]:
    """Speakers' turns, in order of time; those of nobody known are none."""
    for row in _timed(rows, SPEAKER):
        if (times := _times(row)) and row.speaker_id is not None:
            yield Turn(row.speaker_id, *times)


def events_of(rows: Iterable[Annotation]) -> Iterator[SoundEvent]:
    """Sound events, in order of time."""
    for row in _timed(rows, AUDIO_EVENT):
        if times := _times(row):
            yield SoundEvent(str(row.attributes.get("label") or ""), *times, row.confidence)


def voice_of(rows: Iterable[Annotation]) -> Iterator[Voice]:
    """Voice activity, in order of time."""
    for row in _timed(rows, VOICE_ACTIVITY):
        if times := _times(row):
            yield Voice(*times, row.confidence)


def at(stretches: Iterable[OneStretch], time_s: float) -> tuple[OneStretch, ...]:
    """Those that are going on at a time."""
    return tuple(one for one in stretches if one.start_s <= time_s < one.end_s)


def _words(rows: Iterable[Annotation]) -> Iterator[Word]:
    for row in _timed(rows, WORD):
        if times := _times(row):
            yield Word(str(row.attributes.get("word") or ""), *times, row.speaker_id, row.confidence)


def _timed(rows: Iterable[Annotation], kind: str) -> list[Annotation]:
    found = [row for row in rows if row.annotation_type == kind and row.timestamp_seconds is not None]
    return sorted(
        found, key=lambda row: (row.timestamp_seconds or 0.0, row.end_seconds or 0.0, row.annotation_id)
    )


def _times(row: Annotation) -> tuple[float, float] | None:
    """Both ends, if they are known."""
    return (
        None
        if row.timestamp_seconds is None or row.end_seconds is None
        else (row.timestamp_seconds, row.end_seconds)
    )
