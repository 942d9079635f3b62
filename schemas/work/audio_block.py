"""A block of sound as a unit of work."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.media.audio import SAMPLE_RATE, AudioStream
from schemas.work.attempt import Token
from schemas.work.chunk import WorkKey, scope


@dataclass(frozen=True, slots=True)
class AudioBlock:
    """Samples `[first, stop)` of one file's sound; blocks begin at multiples of `BLOCK_SAMPLES`.

    A block gives the results of everything that begins in it, and may use samples beyond both ends.
    """

    path: str
    sound: AudioStream
    key: WorkKey
    first: int
    stop: int
    attempt: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.first < self.stop <= self.sound.samples:
            raise ValueError(
                f"a block lies within its sound: [{self.first}, {self.stop}) of {self.sound.samples}"
            )

    @property
    def chunk_id(self) -> str:
        return f"{self.key.video_id}#{self.first}-{self.stop}{scope([self.key])}"

    @property
    def keys(self) -> tuple[WorkKey, ...]:
        """Its only key, in a tuple as in `ChunkSpec`."""
        return (self.key,)

    @property
    def token(self) -> Token:
        return Token(self.chunk_id, self.key.video_id, self.attempt)

    @property
    def duration_s(self) -> float:
        return (self.stop - self.first) / SAMPLE_RATE

    @property
    def whole_seconds(self) -> int:
        """Its length in seconds, rounded up, for displays that count."""
        return -(-(self.stop - self.first) // SAMPLE_RATE)
