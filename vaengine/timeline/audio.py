"""What is heard in a video, as pictures show it: who speaks when, and which sounds were recognised."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from schemas.annotations.annotation import Annotation
from schemas.annotations.subtitles import speaker_name
from vaengine.results.audio import SoundEvent, events_of, speech_of, turns_of, voice_of
from vaengine.timeline.colour_assignment import Colours
from vaengine.timeline.interval_index import IntervalIndex
from vaengine.timeline.palette import short_name, tone_of

EVENT_ROWS: Final = 2  # of sounds at the same time; more lie upon one another


@dataclass(frozen=True, slots=True)
class Mark:
    """A stretch `[start_s, end_s)` with the colour `#RRGGBB` and the name that it has in a picture."""

    start_s: float
    end_s: float
    colour: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Speaking:
    """Somebody speaks, `[start_s, end_s)`; `speaker_id` is None where it is not known who."""

    start_s: float
    end_s: float
    speaker_id: str | None = None


@dataclass(frozen=True, slots=True)
class TimelineRow:
    """One row of a timeline: its name, and what lies in it in order of time."""

    name: str
    marks: tuple[Mark, ...]


class AudioTimeline:
    """Who speaks, and which sounds were recognised, both in order of time; `name` says what tells who
    speaks.
    """

    def __init__(
        self, speaking: Iterable[Speaking], events: Iterable[SoundEvent], name: str = "speech"
    ) -> None:
        self.speaking, self.events, self.name = tuple(speaking), tuple(events), name
        self._speaking, self._events = IntervalIndex(self.speaking), IntervalIndex(self.events)

    @classmethod
    def of(cls, annotations: Iterable[Annotation]) -> AudioTimeline:
        """From rows of whatever types: speakers' turns, or speech where there are none, or else voice
        activity.
        """
        rows = list(annotations)
        turns = [Speaking(turn.start_s, turn.end_s, turn.speaker_id) for turn in turns_of(rows)]
        speech = [Speaking(one.start_s, one.end_s, one.speaker_id) for one in speech_of(rows)]
        voice = [Speaking(one.start_s, one.end_s) for one in voice_of(rows)]
        name = "speakers" if turns else "speech" if speech else "voice"
        return cls(turns or speech or voice, events_of(rows), name)

    def rows(self, colours: Colours | None = None) -> list[TimelineRow]:
        """One row of who speaks and up to `EVENT_ROWS` of sounds; none where there is nothing of them."""
        own = colours or Colours()
        speaking = [
            Mark(one.start_s, one.end_s, own.of(one.speaker_id), short_name(one.speaker_id or ""))
            for one in self.speaking
        ]
        events = [Mark(one.start_s, one.end_s, tone_of(one.label), one.label) for one in self.events]
        rows = [(self.name, speaking), *(("sounds", row) for row in _packed(events, EVENT_ROWS))]
        return [TimelineRow(name, tuple(marks)) for name, marks in rows if marks]

    def caption(self, time_s: float) -> list[str]:
        """Who speaks and what is heard at a moment, in words."""
        speakers = (speaker_name(one.speaker_id) for one in self._speaking.at(time_s) if one.speaker_id)
        labels = (event.label for event in self._events.at(time_s))
        return [*dict.fromkeys(speakers), *dict.fromkeys(labels)]


def _packed(marks: Sequence[Mark], most: int) -> list[list[Mark]]:
    """In at most `most` rows, each in the first one that is free, or else in the one that will be first."""
    rows: list[list[Mark]] = [[] for _ in range(most)]
    for mark in sorted(marks, key=lambda one: (one.start_s, one.end_s)):
        free = (row for row in rows if not row or row[-1].end_s <= mark.start_s)
        next(free, min(rows, key=lambda row: row[-1].end_s if row else 0.0)).append(mark)
    return rows
