"""A sound stream of a file, and the size of the blocks it is worked on in.

All samples are counted at 16 kHz, mono, from the first sample of the stream; `AudioStream` says when that
is.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

SAMPLE_RATE: Final = 16_000  # In Hz, for all audio models.
# Part of the pipeline's version: results do not depend on how work is spread.
BLOCK_SECONDS: Final = 120
BLOCK_SAMPLES: Final = BLOCK_SECONDS * SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class AudioStream:
    """One sound stream of a file; pts in units of `time_base`.

    `missing_s` are seconds that the header promises and no packet holds. `track` is its place among the
    sound streams of the file, 0 is the first; `language` and `title` are empty where the file does not say.
    `restarts` holds pairs `(packet, ticks)`: where the clock of the file starts anew, `ticks` are added to
    the times of this stream's packets from that packet on, counted from 0. `start_pts` and `end_pts` are
    times after that.
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
            raise ValueError(
                f"impossible sound: [{self.start_pts}, {self.end_pts}) in {self.time_base}, {self.missing_s} "
                "s missing"
            )

    @property
    def start(self) -> Fraction:
        """The time of the first sample, in seconds of the file's own clock."""
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
        """Its length in samples at 16 kHz, at least one."""
        return max(1, round((self.end_pts - self.start_pts) * self.time_base * SAMPLE_RATE))
