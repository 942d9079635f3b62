"""The audio results of a video as values: speech, words, speaker turns, events, voice activity, loudness.

Seconds count from the first frame, or from the first sample of a file of sound alone. Sound that begins
before the first frame has times below 0.
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
    """Anything with a duration, `[start_s, end_s)`."""

    @property
    def start_s(self) -> float: ...

    @property
    def end_s(self) -> float: ...


AnyInterval = TypeVar("AnyInterval", bound=Interval)


@dataclass(frozen=True, slots=True)
class Word:
    """One spoken word; `confidence` in 0..1 is that of its times."""

    text: str
    start_s: float
    end_s: float
    speaker_id: str | None = None
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Speech:
    """One segment of speech: its text, and those of its words whose times are known."""

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
    """One turn of a speaker."""

    speaker_id: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class SoundEvent:
    """A recognised sound, such as laughter."""

    label: str
    start_s: float
    end_s: float
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Voice:
    """An interval of voice activity, without speaker or text."""

    start_s: float
    end_s: float
    confidence: float | None = None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Loudness(Arrays):
    """The loudness of each second, as read-only arrays of N float64.

    `times_s` are the starts of the seconds. `rms_dbfs` and `peak_dbfs` are their mean and highest levels, in
    decibels below full scale.
    """

    times_s: Floats
    rms_dbfs: Floats
    peak_dbfs: Floats

    @classmethod
    def of(cls, rows: Iterable[Annotation]) -> Loudness:
        """Loudness from rows of any types, in any order."""
        found = _rows_of_type(rows, LOUDNESS)
        levels = ([row.attributes.get(name) for row in found] for name in ("rms_dbfs", "peak_dbfs"))
        return cls(
            frozen([row.timestamp_seconds for row in found], np.float64),
            *(frozen(level, np.float64) for level in levels),
        )


def speech_of(rows: Sequence[Annotation]) -> Iterator[Speech]:
    """Speech segments in order of time.

    A word belongs to the segment that it lies in, else to the segment before it.
    """
    speech_rows = [(row, *times) for row in _rows_of_type(rows, SPEECH) if (times := _times(row))]
    starts_s = [start_s for _, start_s, _ in speech_rows]
    words_of_speech: dict[int, list[Word]] = defaultdict(list)
    for word in _words(rows):
        words_of_speech[max(0, bisect_right(starts_s, (word.start_s + word.end_s) / 2) - 1)].append(word)
    for number, (row, start_s, end_s) in enumerate(speech_rows):
        text, language = str(row.attributes.get("text") or ""), row.attributes.get("language")
        yield Speech(
            text, start_s, end_s, language, row.speaker_id, row.confidence, tuple(words_of_speech[number])
        )


def turns_of(rows: Iterable[Annotation]) -> Iterator[Turn]:
    """Speaker turns in order of time; turns without a known speaker are left out."""
    for row in _rows_of_type(rows, SPEAKER):
        if (times := _times(row)) and row.speaker_id is not None:
            yield Turn(row.speaker_id, *times)


def events_of(rows: Iterable[Annotation]) -> Iterator[SoundEvent]:
    """Audio events in order of time."""
    for row in _rows_of_type(rows, AUDIO_EVENT):
        if times := _times(row):
            yield SoundEvent(str(row.attributes.get("label") or ""), *times, row.confidence)


def voice_of(rows: Iterable[Annotation]) -> Iterator[Voice]:
    """Voice activity, in order of time."""
    for row in _rows_of_type(rows, VOICE_ACTIVITY):
        if times := _times(row):
            yield Voice(*times, row.confidence)


def at(intervals: Iterable[AnyInterval], time_s: float) -> tuple[AnyInterval, ...]:
    """Those intervals that contain a time."""
    return tuple(interval for interval in intervals if interval.start_s <= time_s < interval.end_s)


def _words(rows: Iterable[Annotation]) -> Iterator[Word]:
    for row in _rows_of_type(rows, WORD):
        if times := _times(row):
            yield Word(str(row.attributes.get("word") or ""), *times, row.speaker_id, row.confidence)


def _rows_of_type(rows: Iterable[Annotation], kind: str) -> list[Annotation]:
    found = [row for row in rows if row.annotation_type == kind and row.timestamp_seconds is not None]
    return sorted(
        found, key=lambda row: (row.timestamp_seconds or 0.0, row.end_seconds or 0.0, row.annotation_id)
    )


def _times(row: Annotation) -> tuple[float, float] | None:
    """Start and end of a row, if both are known."""
    return (
        None
        if row.timestamp_seconds is None or row.end_seconds is None
        else (row.timestamp_seconds, row.end_seconds)
    )
