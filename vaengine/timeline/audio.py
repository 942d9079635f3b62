"""What is heard in a video over time: who speaks when, which sounds were recognised, how loud it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from schemas.annotations.annotation import Annotation
from schemas.annotations.subtitles import speaker_name
from vaengine.results.audio import (
    Loudness,
    SoundEvent,
    Speech,
    Turn,
    Voice,
    events_of,
    speech_of,
    turns_of,
    voice_of,
)
from vaengine.timeline.colour_assignment import Colours
from vaengine.timeline.interval_index import IntervalIndex
from vaengine.timeline.lanes import Bar, Row, pack
from vaengine.timeline.palette import short_name, tone_of

EVENT_ROWS: Final = 2  # of sounds at the same time; more lie upon one another


@dataclass(frozen=True, slots=True)
class AudioTimeline:
    """Voice activity, speech, speakers' turns and sound events in order of time, and the loudness."""

    voice: tuple[Voice, ...]
    speech: tuple[Speech, ...]
    turns: tuple[Turn, ...]
    events: tuple[SoundEvent, ...]
    loudness: Loudness

    @classmethod
    def of(cls, annotations: Iterable[Annotation]) -> AudioTimeline:
        """From rows of any types."""
        rows = list(annotations)
        return cls(
            tuple(voice_of(rows)),
            tuple(speech_of(rows)),
            tuple(turns_of(rows)),
            tuple(events_of(rows)),
            Loudness.of(rows),
        )

    @property
    def voice_bars(self) -> tuple[Bar, ...]:
        return tuple(Bar(one.start_s, one.end_s, "voice") for one in self.voice)

    def speech_bars(self, colours: Colours) -> tuple[Bar, ...]:
        """Bars with the text, in the colour of the speaker where it is known who speaks."""
        return tuple(_speech_bar(one, colours) for one in self.speech)

    def turn_bars(self, colours: Colours) -> tuple[Bar, ...]:
        """Bars in the colours of the speakers."""
        return tuple(_turn_bar(one, colours) for one in self.turns)

    @property
    def event_bars(self) -> tuple[Bar, ...]:
        """Bars of sound events; those of one label have one colour."""
        return tuple(map(_event_bar, self.events))

    def rows(self, colours: Colours | None = None) -> list[Row]:
        """One row that says who speaks, and up to `EVENT_ROWS` of sounds; none of what there is nothing of.

        The first is of speakers' turns, of speech where there are none, or else of voice activity.
        """
        own = colours or Colours()
        if self.turns:
            speaking = Row("speakers", self.turn_bars(own))
        elif self.speech:
            speaking = Row("speech", self.speech_bars(own))
        else:
            speaking = Row("voice", self.voice_bars)
        events = sorted(self.event_bars, key=lambda bar: (bar.start_s, bar.end_s))
        sounds = [Row("sounds", lane) for lane in pack(events, EVENT_ROWS).lanes]
        return [row for row in (speaking, *sounds) if row.bars]


class HearingCaption:
    """Who speaks and what is heard at any moment, in words."""

    def __init__(self, hearing: AudioTimeline) -> None:
        self._speaking: IntervalIndex[Turn | Speech] = IntervalIndex(hearing.turns or hearing.speech)
        self._events = IntervalIndex(hearing.events)

    def at(self, time_s: float) -> list[str]:
        """Names of speakers, then labels of sounds, each once."""
        speakers = (speaker_name(one.speaker_id) for one in self._speaking.at(time_s) if one.speaker_id)
        labels = (event.label for event in self._events.at(time_s))
        return [*dict.fromkeys(speakers), *dict.fromkeys(labels)]


def _turn_bar(one: Turn, colours: Colours) -> Bar:
    speaker = one.speaker_id
    return Bar(one.start_s, one.end_s, speaker, short_name(speaker), colours.of(speaker))


def _event_bar(one: SoundEvent) -> Bar:
    tone = tone_of(one.label)
    return Bar(one.start_s, one.end_s, one.label, one.label, tone, confidence=one.confidence)


def _speech_bar(one: Speech, colours: Colours) -> Bar:
    if not one.speaker_id:
        return Bar(one.start_s, one.end_s, "speech", text=one.text)
    text = f"{speaker_name(one.speaker_id)}: {one.text}"
    return Bar(one.start_s, one.end_s, "speech", short_name(one.speaker_id), colours.of(one.speaker_id), text)
