"""The audio results of a video over time: voice, speech, speakers, audio events and loudness."""

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
    Word,
    events_of,
    speech_of,
    turns_of,
    voice_of,
)
from vaengine.timeline.colour_assignment import Colours
from vaengine.timeline.interval_index import IntervalIndex
from vaengine.timeline.lanes import Bar, Row, pack
from vaengine.timeline.palette import short_name, tone_of

EVENT_ROWS: Final = 2  # for events at the same time; further ones overlap


@dataclass(frozen=True, slots=True)
class AudioTimeline:
    """Voice activity, speech, speaker turns and audio events in order of time, and the loudness."""

    voice: tuple[Voice, ...]
    speech: tuple[Speech, ...]
    turns: tuple[Turn, ...]
    events: tuple[SoundEvent, ...]
    loudness: Loudness

    @classmethod
    def of(cls, annotations: Iterable[Annotation]) -> AudioTimeline:
        """The timeline of the audio rows among `annotations`."""
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
        """Bars of voice activity."""
        return tuple(Bar(voice.start_s, voice.end_s, "voice") for voice in self.voice)

    def speech_bars(self, colours: Colours) -> tuple[Bar, ...]:
        """Bars of speech with its text, in the colour of a known speaker."""
        return tuple(_speech_bar(speech, colours) for speech in self.speech)

    def word_bars(self, colours: Colours) -> tuple[Bar, ...]:
        """Bars of the words whose times are known, in order of time, in the colour of a known speaker."""
        words = (
            _word_bar(word, speech.speaker_id, colours) for speech in self.speech for word in speech.words
        )
        return tuple(sorted(words, key=lambda bar: bar.start_s))

    def turn_bars(self, colours: Colours) -> tuple[Bar, ...]:
        """Bars of speaker turns in the colours of the speakers."""
        return tuple(_turn_bar(turn, colours) for turn in self.turns)

    @property
    def event_bars(self) -> tuple[Bar, ...]:
        """Bars of audio events, in one colour for each label."""
        return tuple(map(_event_bar, self.events))

    def rows(self, colours: Colours | None = None) -> list[Row]:
        """A row of voices and up to `EVENT_ROWS` rows of audio events, without empty rows.

        The first row has speaker turns, without any the speech, and without that the voice activity.
        """
        assigned = colours or Colours()
        if self.turns:
            voices = Row("speakers", self.turn_bars(assigned))
        elif self.speech:
            voices = Row("speech", self.speech_bars(assigned))
        else:
            voices = Row("voice", self.voice_bars)
        events = sorted(self.event_bars, key=lambda bar: (bar.start_s, bar.end_s))
        sounds = [Row("sounds", lane) for lane in pack(events, EVENT_ROWS).lanes]
        return [row for row in (voices, *sounds) if row.bars]


class AudioCaption:
    """The speakers and the audio events at any moment, as words."""

    def __init__(self, timeline: AudioTimeline) -> None:
        self._speaking: IntervalIndex[Turn | Speech] = IntervalIndex(timeline.turns or timeline.speech)
        self._events = IntervalIndex(timeline.events)

    def at(self, time_s: float) -> list[str]:
        """Names of the speakers at `time_s`, then labels of the events, each once."""
        speakers = (speaker_name(turn.speaker_id) for turn in self._speaking.at(time_s) if turn.speaker_id)
        labels = (event.label for event in self._events.at(time_s))
        return [*dict.fromkeys(speakers), *dict.fromkeys(labels)]


def _turn_bar(turn: Turn, colours: Colours) -> Bar:
    speaker = turn.speaker_id
    return Bar(turn.start_s, turn.end_s, speaker, short_name(speaker), colours.of(speaker))


def _event_bar(event: SoundEvent) -> Bar:
    tone = tone_of(event.label)
    return Bar(event.start_s, event.end_s, event.label, event.label, tone, confidence=event.confidence)


def _word_bar(word: Word, speaker: str | None, colours: Colours) -> Bar:
    colour = colours.of(speaker) if speaker else None
    return Bar(word.start_s, word.end_s, "word", word.text, colour, word.text)


def _speech_bar(speech: Speech, colours: Colours) -> Bar:
    speaker = speech.speaker_id
    if not speaker:
        return Bar(speech.start_s, speech.end_s, "speech", text=speech.text)
    text = f"{speaker_name(speaker)}: {speech.text}"
    return Bar(speech.start_s, speech.end_s, "speech", short_name(speaker), colours.of(speaker), text)
