"""Results of audio models: speech, words, speakers, events, loudness."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np

from schemas.inference.detections import joined as joined_rows
from schemas.media.frames import Floats32, Ints


@dataclass(frozen=True, slots=True, eq=False)
class SpeechSegment:
    """A stretch of speech to be transcribed.

    At most 30 s of float32 samples at 16 kHz, from `start_s` on.
    """

    samples: Floats32
    start_s: float


@dataclass(frozen=True, slots=True)
class RecognizedWord:
    """One word, `[start_s, end_s)` seconds since the first sample, with a `score` in 0..1.

    Times are None where alignment found none.
    """

    text: str
    start_s: float | None
    end_s: float | None
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Utterance:
    """A stretch of speech with its text, `[start_s, end_s)` seconds since the first sample."""

    start_s: float
    end_s: float
    text: str
    language: str
    confidence: float | None = None
    words: tuple[RecognizedWord, ...] = ()


@dataclass(frozen=True, slots=True)
class SpeakerTurn:
    """One speaker's turn; `speaker` is a row of `AudioAnalysis.speakers` of the same block."""

    start_s: float
    end_s: float
    speaker: int


@dataclass(frozen=True, slots=True)
class AudioEvent:
    """An audio event in a window `[start_s, end_s)`, with a confidence in 0..1."""

    label: str
    start_s: float
    end_s: float
    confidence: float


@dataclass(frozen=True, slots=True)
class AudioAnalysis:
    """The results of a block of sound; blocks in order can be joined.

    `voice_frames` V int64 are the numbers of the voice-activity model's frames
    (`actors.audio.voice_activity.FRAME_SAMPLES` apart, from the first sample) and `voice` V float32 their
    scores in 0..1. `seconds` S int64 are whole seconds since the first sample, `rms_dbfs` and `peak_dbfs` S
    float32 their level, relative to full scale. `speakers` M x D float32 are embeddings of the speakers of
    `turns`, `speaker_blocks` M int64 are the numbers of the joined blocks they come from. `lost` counts
    samples that could not be decoded and were taken for silence.
    """

    voice_frames: Ints
    voice: Floats32
    seconds: Ints
    rms_dbfs: Floats32
    peak_dbfs: Floats32
    utterances: tuple[Utterance, ...] = ()
    turns: tuple[SpeakerTurn, ...] = ()
    speakers: Floats32 = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    speaker_blocks: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    events: tuple[AudioEvent, ...] = ()
    lost: int = 0

    def to_bytes(self) -> bytes:
        """The analysis as compressed bytes; the same content gives the same bytes."""
        texts = {
            name: [asdict(value) for value in getattr(self, name)]
            for name in ("utterances", "turns", "events")
        }
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer,
            texts=np.frombuffer(json.dumps({**texts, "lost": self.lost}).encode(), np.uint8),
            **{name: getattr(self, name) for name in _ARRAYS},
        )
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> AudioAnalysis:
        with np.load(io.BytesIO(data)) as stored:
            texts = json.loads(stored["texts"].tobytes())
            arrays = {name: stored[name] for name in _ARRAYS}
        return cls(
            **arrays,
            utterances=tuple(_utterance(utterance) for utterance in texts["utterances"]),
            turns=tuple(SpeakerTurn(**turn) for turn in texts["turns"]),
            events=tuple(AudioEvent(**event) for event in texts["events"]),
            lost=texts["lost"],
        )

    @classmethod
    def none(cls) -> AudioAnalysis:
        ints, floats = np.zeros(0, np.int64), np.zeros(0, np.float32)
        return cls(ints, floats, ints, floats, floats)

    @classmethod
    def joined(cls, blocks: Iterable[AudioAnalysis]) -> AudioAnalysis:
        """Blocks in order as one; each turn keeps its own speaker."""
        parts: Sequence[AudioAnalysis] = (cls.none(), *blocks)
        arrays = {
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in _ARRAYS
            if not name.startswith("speaker")
        }
        bases = np.cumsum([0, *(len(part.speakers) for part in parts)]).tolist()
        return cls(
            **arrays,
            speakers=joined_rows([part.speakers for part in parts]),
            speaker_blocks=np.repeat(np.arange(len(parts)), [len(part.speakers) for part in parts]),
            utterances=tuple(utterance for part in parts for utterance in part.utterances),
            turns=tuple(
                SpeakerTurn(turn.start_s, turn.end_s, turn.speaker + base)
                for part, base in zip(parts, bases, strict=False)
                for turn in part.turns
            ),
            events=tuple(event for part in parts for event in part.events),
            lost=sum(part.lost for part in parts),
        )


_ARRAYS: Final = ("voice_frames", "voice", "seconds", "rms_dbfs", "peak_dbfs", "speakers")


def _utterance(data: dict[str, Any]) -> Utterance:
    return Utterance(**{**data, "words": tuple(RecognizedWord(**word) for word in data["words"])})
