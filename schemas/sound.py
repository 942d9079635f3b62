"""Sound before and after it is heard: what a file has of it, the blocks it is worked on in, and what was heard in one.

All samples are counted at 16 kHz, mono, from the first sample of the stream; `Sound` says when that is.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from typing import Any, Final

import numpy as np

from schemas.attempt import Token
from schemas.chunk import WorkKey, scope
from schemas.frames import Floats32, Ints
from schemas.frames import joined as joined_rows

SAMPLE_RATE: Final = 16_000  # of everything that listens, in Hz
BLOCK_SECONDS: Final = 120  # part of the pipeline's version: what is heard does not depend on how work is spread
BLOCK_SAMPLES: Final = BLOCK_SECONDS * SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Sound:
    """One sound stream of a file; pts in units of `time_base`.

    `missing_s` are seconds that the header promises and no packet holds. `track` is its place among the sound streams of the file, 0 is the
    first; `language` and `title` are empty where the file does not say. `restarts` holds `(packet, ticks)`: the clock of the file starts
    anew on the way, and `ticks` are added to the times of the packets of this stream from that one on, counted from 0. `start_pts` and
    `end_pts` are times after that.
    """

    stream_index: int
    codec: str
    sample_rate: int
    channels: int
    time_base: Fraction
    start_pts: int
    end_pts: int
    missing_s: float = 0.0
    track: int = 0
    language: str = ""
    title: str = ""
    restarts: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        if self.time_base <= 0 or self.end_pts <= self.start_pts or self.missing_s < 0:
            raise ValueError(f"impossible sound: [{self.start_pts}, {self.end_pts}) in {self.time_base}, {self.missing_s} s missing")

    @property
    def start(self) -> Fraction:
        """When the first sample is heard, in seconds of the file's own clock."""
        return self.start_pts * self.time_base

    @property
    def duration_s(self) -> float:
        return float((self.end_pts - self.start_pts) * self.time_base)

    @property
    def name(self) -> str:
        """The track as people know it, such as `1 (ac3, deu, "Commentary")`."""
        known = (self.codec, self.language, f'"{self.title}"' if self.title else "")
        return f"{self.track} ({', '.join(filter(None, known))})"

    @property
    def samples(self) -> int:
        """How long it is in samples at 16 kHz, at least one."""
        return max(1, round((self.end_pts - self.start_pts) * self.time_base * SAMPLE_RATE))


@dataclass(frozen=True, slots=True)
class SoundBlock:
    """Samples `[first, stop)` of one file's sound, a unit of work; blocks begin at multiples of `BLOCK_SAMPLES`.

    A block is responsible for everything that begins in it and may listen beyond both ends.
    """

    path: str
    sound: Sound
    key: WorkKey
    first: int
    stop: int
    attempt: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.first < self.stop <= self.sound.samples:
            raise ValueError(f"a block lies within its sound: [{self.first}, {self.stop}) of {self.sound.samples}")

    @property
    def chunk_id(self) -> str:
        return f"{self.key.video_id}#{self.first}-{self.stop}{scope([self.key])}"

    @property
    def keys(self) -> tuple[WorkKey, ...]:
        """As of a chunk of pictures."""
        return (self.key,)

    @property
    def token(self) -> Token:
        return Token(self.chunk_id, self.key.video_id, self.attempt)

    @property
    def duration_s(self) -> float:
        return (self.stop - self.first) / SAMPLE_RATE

    @property
    def whole_seconds(self) -> int:
        """How long it is for a display that counts."""
        return -(-(self.stop - self.first) // SAMPLE_RATE)


@dataclass(frozen=True, slots=True, eq=False)
class Speech:
    """A stretch of speech to be transcribed: at most half a minute of float32 samples at 16 kHz, from `start_s` on."""

    samples: Floats32
    start_s: float


@dataclass(frozen=True, slots=True)
class Word:
    """One word, `[start_s, end_s)` seconds since the first sample; times are None where alignment found none, `score` in 0..1."""

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
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """One speaker's turn; `speaker` is a row of `Heard.speakers`, which is a matter of the block alone."""

    start_s: float
    end_s: float
    speaker: int


@dataclass(frozen=True, slots=True)
class Event:
    """A window `[start_s, end_s)` in which a sound event was recognised, confidence in 0..1."""

    label: str
    start_s: float
    end_s: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Heard:
    """All that is kept of a block of sound once its samples are gone; blocks in order can be joined.

    `voice_frames` V int64 are the ordinals of the voice-activity model's frames (`actors.voice.FRAME_SAMPLES` apart, from the first sample)
    and `voice` V float32 their scores in 0..1. `seconds` S int64 are whole seconds since the first sample, `rms_dbfs` and `peak_dbfs` S
    float32 their level, relative to full scale. `speakers` M x D float32 embed the speakers of `turns`, `speaker_blocks` M int64 say which
    of the joined blocks told them apart. `lost` counts samples that could not be decoded and were taken for silence.
    """

    voice_frames: Ints
    voice: Floats32
    seconds: Ints
    rms_dbfs: Floats32
    peak_dbfs: Floats32
    utterances: tuple[Utterance, ...] = ()
    turns: tuple[Turn, ...] = ()
    speakers: Floats32 = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    speaker_blocks: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    events: tuple[Event, ...] = ()
    lost: int = 0

    def to_bytes(self) -> bytes:
        """Compressed; the same content gives the same bytes."""
        texts = {name: [asdict(one) for one in getattr(self, name)] for name in ("utterances", "turns", "events")}
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer,
            texts=np.frombuffer(json.dumps({**texts, "lost": self.lost}).encode(), np.uint8),
            **{name: getattr(self, name) for name in _ARRAYS},
        )
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Heard:
        with np.load(io.BytesIO(data)) as stored:
            texts = json.loads(stored["texts"].tobytes())
            arrays = {name: stored[name] for name in _ARRAYS}
        return cls(
            **arrays,
            utterances=tuple(_utterance(one) for one in texts["utterances"]),
            turns=tuple(Turn(**one) for one in texts["turns"]),
            events=tuple(Event(**one) for one in texts["events"]),
            lost=texts["lost"],
        )

    @classmethod
    def none(cls) -> Heard:
        ints, floats = np.zeros(0, np.int64), np.zeros(0, np.float32)
        return cls(ints, floats, ints, floats, floats)

    @classmethod
    def joined(cls, blocks: Iterable[Heard]) -> Heard:
        """Blocks in order as one; turns keep pointing at their own block's speakers."""
        parts: Sequence[Heard] = (cls.none(), *blocks)
        arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _ARRAYS if not name.startswith("speaker")}
        bases = np.cumsum([0, *(len(part.speakers) for part in parts)]).tolist()
        return cls(
            **arrays,
            speakers=joined_rows([part.speakers for part in parts]),
            speaker_blocks=np.repeat(np.arange(len(parts)), [len(part.speakers) for part in parts]),
            utterances=tuple(one for part in parts for one in part.utterances),
            turns=tuple(
                Turn(turn.start_s, turn.end_s, turn.speaker + base) for part, base in zip(parts, bases, strict=False) for turn in part.turns
            ),
            events=tuple(one for part in parts for one in part.events),
            lost=sum(part.lost for part in parts),
        )


_ARRAYS: Final = ("voice_frames", "voice", "seconds", "rms_dbfs", "peak_dbfs", "speakers")


def _utterance(data: dict[str, Any]) -> Utterance:
    return Utterance(**{**data, "words": tuple(Word(**word) for word in data["words"])})
