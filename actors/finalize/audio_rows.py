"""Final rows of the sound of a video from what was heard in its blocks: voice, speech, words, speakers,
events, loudness.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from actors.audio.audio_events import merged_events
from actors.audio.voice_activity import voiced
from actors.vision.clustering import grouped, pairs_of_one
from schemas.annotations.annotation import (
    AUDIO_EVENT,
    LOUDNESS,
    SPEAKER,
    SPEECH,
    VOICE_ACTIVITY,
    WORD,
    Annotation,
    annotation_id,
)
from schemas.inference.transcript import AudioAnalysis, RecognizedWord, Utterance
from schemas.media.audio import SAMPLE_RATE
from schemas.media.video import Video
from schemas.settings.settings import Settings
from schemas.work.chunk import WorkKey


def sound_rows(
    video: Video, heard: AudioAnalysis, settings: Settings, key: WorkKey
) -> tuple[Annotation, ...]:
    """Every row of audio_processing: times are seconds since the first frame, below 0 where the sound begins
    earlier.

    No row begins before the sound does, none ends after it, and each lasts for a while: models look at
    stretches of their own length. Voices of all blocks are grouped to speakers of the video, numbered by
    first turn; what is said belongs to who speaks most meanwhile.
    """
    rows = _Rows(key, _Extent.of(video))
    turns = speaker_turns(heard, settings.audio.same_speaker)
    return (
        *_voice_rows(rows, heard, settings),
        *_speech_rows(rows, heard.utterances, turns),
        *_speaker_rows(rows, turns),
        *_event_rows(rows, heard),
        *_loudness_rows(rows, heard),
    )


@dataclass(frozen=True, slots=True)
class _Extent:
    """When the sound of a video begins and ends, in seconds since the first frame, and how long it is."""

    start_s: float
    end_s: float
    length_s: float

    @classmethod
    def of(cls, video: Video) -> _Extent:
        sound = video.sound
        if sound is None:
            raise ValueError(f"{video.video_id} has no sound that rows could be of")
        zero = video.start_pts * video.time_base
        return cls(float(sound.start - zero), float(sound.end_pts * sound.time_base - zero), sound.duration_s)

    def within(self, start_s: float, end_s: float) -> tuple[float, float] | None:
        """What of `[start_s, end_s)` since the first sample lies within the sound, in seconds since the
        first frame; None for nothing.
        """
        begins_s = self.start_s + max(0.0, start_s)
        ends_s = self.end_s if end_s >= self.length_s else min(self.end_s, self.start_s + end_s)
        return (begins_s, ends_s) if begins_s < ends_s else None


@dataclass(slots=True)
class _Rows:
    """Makes rows of one key; sound has no frames, so an id counts samples, and rows of one type and
    beginning.
    """

    key: WorkKey
    extent: _Extent
    _taken: dict[tuple[str, int], Iterator[int]] = field(default_factory=dict)

    def text_row(
        self, annotation_type: str, start_s: float, end_s: float, **told: Any
    ) -> Iterator[Annotation]:
        """Of what is said nothing is left out: where its times are no stretch of the sound it gets the
        nearest one of a single sample.
        """
        start_s = max(0.0, min(start_s, self.extent.length_s - 1 / SAMPLE_RATE))
        return self.row(annotation_type, start_s, max(end_s, start_s + 1 / SAMPLE_RATE), **told)

    def row(
        self,
        annotation_type: str,
        start_s: float,
        end_s: float,
        *,
        speaker_id: str | None = None,
        confidence: float | None = None,
        **attributes: Any,
    ) -> Iterator[Annotation]:
        """A row of what lies within the sound of `[start_s, end_s)`, seconds since the first sample; none
        where nothing does.
        """
        if (within := self.extent.within(start_s, end_s)) is None:
            return
        key, sample = self.key, round(start_s * SAMPLE_RATE)
        ordinal = next(self._taken.setdefault((annotation_type, sample), count()))
        yield Annotation(
            annotation_id=annotation_id(
                key.video_id, key.pipeline, key.config_hash, annotation_type, sample, ordinal
            ),
            video_id=key.video_id,
            pipeline=key.pipeline,
            config_hash=key.config_hash,
            annotation_type=annotation_type,
            timestamp_seconds=within[0],
            end_seconds=within[1],
            speaker_id=speaker_id,
            confidence=None if confidence is None else min(1.0, max(0.0, confidence)),
            attributes=attributes,
        )


SpeakerTurn = tuple[float, float, str]


def speaker_turns(heard: AudioAnalysis, least: float) -> list[SpeakerTurn]:
    """Turns `[start_s, end_s)` in order, with the video's speakers: voices alike by a cosine of `least`
    are one, two of a block never.
    """
    if not heard.turns:
        return []
    labels = grouped(heard.speakers, least=least, apart=pairs_of_one(heard.speaker_blocks.tolist()))
    ordered = sorted(heard.turns, key=lambda turn: (turn.start_s, turn.end_s, turn.speaker))
    appeared = {
        label: number
        for number, label in enumerate(dict.fromkeys(int(labels[turn.speaker]) for turn in ordered), start=1)
    }
    return [
        (turn.start_s, turn.end_s, f"speaker_{appeared[int(labels[turn.speaker])]:04d}") for turn in ordered
    ]


def _voice_rows(rows: _Rows, heard: AudioAnalysis, settings: Settings) -> Iterator[Annotation]:
    audio = settings.audio
    for start_s, end_s, confidence in voiced(
        heard.voice_frames, heard.voice, audio.voice_onset, audio.voice_offset
    ):
        yield from rows.row(VOICE_ACTIVITY, start_s, end_s, confidence=confidence)


def _speech_rows(
    rows: _Rows, utterances: Sequence[Utterance], turns: Sequence[SpeakerTurn]
) -> Iterator[Annotation]:
    near = _near(turns)
    for one in utterances:
        speaker = who_speaks(one.start_s, one.end_s, near(one.start_s, one.end_s))
        told = {"text": one.text, "language": one.language}
        yield from rows.text_row(
            SPEECH, one.start_s, one.end_s, speaker_id=speaker, confidence=one.confidence, **told
        )
        for word in one.words:
            if word.start_s is not None and word.end_s is not None:
                yield from _word_rows(rows, word, word.start_s, word.end_s, near(word.start_s, word.end_s))


def _word_rows(
    rows: _Rows, word: RecognizedWord, start_s: float, end_s: float, turns: Sequence[SpeakerTurn]
) -> Iterator[Annotation]:
    return rows.text_row(
        WORD,
        start_s,
        end_s,
        speaker_id=who_speaks(start_s, end_s, turns),
        confidence=word.score,
        word=word.text,
    )


def _speaker_rows(rows: _Rows, turns: Sequence[SpeakerTurn]) -> Iterator[Annotation]:
    for start_s, end_s, who in turns:
        yield from rows.row(SPEAKER, start_s, end_s, speaker_id=who)


def _near(turns: Sequence[SpeakerTurn]) -> Callable[[float, float], Sequence[SpeakerTurn]]:
    """The few of very many turns, ordered by their beginnings, that can have a part of `[start_s, end_s)`."""
    starts_s = [begin for begin, _, _ in turns]
    longest_s = max((end - begin for begin, end, _ in turns), default=0.0)
    return lambda start_s, end_s: turns[
        bisect_left(starts_s, start_s - longest_s) : bisect_left(starts_s, end_s)
    ]


def who_speaks(start_s: float, end_s: float, turns: Sequence[SpeakerTurn]) -> str | None:
    """The speaker who has most of `[start_s, end_s)`, the first of those who have as much; None where
    nobody has any.
    """
    shares: dict[str, float] = {}
    for begin, end, who in turns:
        shared = min(end, end_s) - max(begin, start_s)
        if shared > 0:
            shares[who] = shares.get(who, 0.0) + shared
    return max(shares, key=lambda who: shares[who], default=None)


def _event_rows(rows: _Rows, heard: AudioAnalysis) -> Iterator[Annotation]:
    for event in merged_events(heard.events):
        yield from rows.row(
            AUDIO_EVENT, event.start_s, event.end_s, confidence=event.confidence, label=event.label
        )


def _loudness_rows(rows: _Rows, heard: AudioAnalysis) -> Iterator[Annotation]:
    """One for each second; the last ends with the sound."""
    for second, rms, peak in zip(
        heard.seconds.tolist(), heard.rms_dbfs.tolist(), heard.peak_dbfs.tolist(), strict=True
    ):
        yield from rows.row(
            LOUDNESS, float(second), float(second + 1), rms_dbfs=round(rms, 3), peak_dbfs=round(peak, 3)
        )
