"""Makes the final rows of a video's sound: voice, speech, words, speakers, events, loudness."""

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
    video: Video, analysis: AudioAnalysis, settings: Settings, key: WorkKey
) -> tuple[Annotation, ...]:
    """Every row of audio_processing of one video, with times in seconds since the first frame.

    Times are below 0 where the sound begins before the pictures. No row begins before the sound does, none
    ends after it, and each has a length: models look at windows of their own length. Embeddings of all
    blocks are grouped to speakers of the video, numbered by first turn. Speech belongs to the speaker who
    has most of its time.
    """
    rows = _Rows(key, _Extent.of(video))
    turns = speaker_turns(analysis, settings.audio.same_speaker)
    return (
        *_voice_rows(rows, analysis, settings),
        *_speech_rows(rows, analysis.utterances, turns),
        *_speaker_rows(rows, turns),
        *_event_rows(rows, analysis),
        *_loudness_rows(rows, analysis),
    )


@dataclass(frozen=True, slots=True)
class _Extent:
    """Start and end of a video's sound, in seconds since the first frame, and its length."""

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
        """The part of a stretch that lies within the sound; None where there is none.

        `[start_s, end_s)` are seconds since the first sample, the result is in seconds since the first
        frame.
        """
        begins_s = self.start_s + max(0.0, start_s)
        ends_s = self.end_s if end_s >= self.length_s else min(self.end_s, self.start_s + end_s)
        return (begins_s, ends_s) if begins_s < ends_s else None


@dataclass(slots=True)
class _Rows:
    """Makes the rows of one key.

    Sound has no frames, so an id counts samples, and rows of one type and beginning.
    """

    key: WorkKey
    extent: _Extent
    _ordinals: dict[tuple[str, int], Iterator[int]] = field(default_factory=dict)

    def text_row(
        self, annotation_type: str, start_s: float, end_s: float, **values: Any
    ) -> Iterator[Annotation]:
        """A row of speech or of a word; none is left out.

        Where its times are no stretch of the sound it gets the nearest stretch of one sample.
        """
        start_s = max(0.0, min(start_s, self.extent.length_s - 1 / SAMPLE_RATE))
        return self.row(annotation_type, start_s, max(end_s, start_s + 1 / SAMPLE_RATE), **values)

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
        """A row of the part of `[start_s, end_s)` that lies within the sound; none where no part does.

        Times are seconds since the first sample.
        """
        if (within := self.extent.within(start_s, end_s)) is None:
            return
        key, sample = self.key, round(start_s * SAMPLE_RATE)
        ordinal = next(self._ordinals.setdefault((annotation_type, sample), count()))
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


def speaker_turns(analysis: AudioAnalysis, least: float) -> list[SpeakerTurn]:
    """Turns `[start_s, end_s)` in order, with the video's speakers.

    Speakers of different blocks whose embeddings have a cosine of at least `least` are one; two speakers of
    a block never are.
    """
    if not analysis.turns:
        return []
    labels = grouped(analysis.speakers, least=least, apart=pairs_of_one(analysis.speaker_blocks.tolist()))
    ordered = sorted(analysis.turns, key=lambda turn: (turn.start_s, turn.end_s, turn.speaker))
    numbers = {
        label: number
        for number, label in enumerate(dict.fromkeys(int(labels[turn.speaker]) for turn in ordered), start=1)
    }
    return [
        (turn.start_s, turn.end_s, f"speaker_{numbers[int(labels[turn.speaker])]:04d}") for turn in ordered
    ]


def _voice_rows(rows: _Rows, analysis: AudioAnalysis, settings: Settings) -> Iterator[Annotation]:
    audio = settings.audio
    for start_s, end_s, confidence in voiced(
        analysis.voice_frames, analysis.voice, audio.voice_onset, audio.voice_offset
    ):
        yield from rows.row(VOICE_ACTIVITY, start_s, end_s, confidence=confidence)


def _speech_rows(
    rows: _Rows, utterances: Sequence[Utterance], turns: Sequence[SpeakerTurn]
) -> Iterator[Annotation]:
    near = _turns_near(turns)
    for utterance in utterances:
        speaker = who_speaks(utterance.start_s, utterance.end_s, near(utterance.start_s, utterance.end_s))
        attributes = {"text": utterance.text, "language": utterance.language}
        yield from rows.text_row(
            SPEECH,
            utterance.start_s,
            utterance.end_s,
            speaker_id=speaker,
            confidence=utterance.confidence,
            **attributes,
        )
        for word in utterance.words:
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
    for start_s, end_s, speaker in turns:
        yield from rows.row(SPEAKER, start_s, end_s, speaker_id=speaker)


def _turns_near(turns: Sequence[SpeakerTurn]) -> Callable[[float, float], Sequence[SpeakerTurn]]:
    """A function that returns the turns near `[start_s, end_s)`, without a search through all turns.

    `turns` are ordered by their beginnings.
    """
    starts_s = [begin for begin, _, _ in turns]
    longest_s = max((end - begin for begin, end, _ in turns), default=0.0)
    return lambda start_s, end_s: turns[
        bisect_left(starts_s, start_s - longest_s) : bisect_left(starts_s, end_s)
    ]


def who_speaks(start_s: float, end_s: float, turns: Sequence[SpeakerTurn]) -> str | None:
    """The speaker who has most of `[start_s, end_s)`, the first of equals; None where nobody speaks."""
    shares: dict[str, float] = {}
    for begin, end, speaker in turns:
        shared = min(end, end_s) - max(begin, start_s)
        if shared > 0:
            shares[speaker] = shares.get(speaker, 0.0) + shared
    return max(shares, key=lambda speaker: shares[speaker], default=None)


def _event_rows(rows: _Rows, analysis: AudioAnalysis) -> Iterator[Annotation]:
    for event in merged_events(analysis.events):
        yield from rows.row(
            AUDIO_EVENT, event.start_s, event.end_s, confidence=event.confidence, label=event.label
        )


def _loudness_rows(rows: _Rows, analysis: AudioAnalysis) -> Iterator[Annotation]:
    """A row for each second; the last ends with the sound."""
    for second, rms, peak in zip(
        analysis.seconds.tolist(), analysis.rms_dbfs.tolist(), analysis.peak_dbfs.tolist(), strict=True
    ):
        yield from rows.row(
            LOUDNESS, float(second), float(second + 1), rms_dbfs=round(rms, 3), peak_dbfs=round(peak, 3)
        )
