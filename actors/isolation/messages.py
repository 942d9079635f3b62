"""What a process that tries one chunk alone is sent, and what it says beside the chunk's values."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.work.audio_block import AudioBlock
from schemas.work.chunk import ChunkSpec


@dataclass(frozen=True, slots=True)
class Phase:
    """What the process does from now on: a pipeline's model, or None for decoding.

    Sent again and again, it is a sign of life.
    """

    pipeline: str | None


@dataclass(frozen=True, slots=True)
class SandboxReply:
    """The chunk is through; the process waits for another."""


@dataclass(frozen=True, slots=True)
class SandboxRequest:
    """A chunk, and how many seconds of processor time it may take."""

    work: ChunkSpec | AudioBlock
    cpu_s: float
