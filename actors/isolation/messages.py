"""The messages between a sandbox and its process, beside the values of a chunk."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.work.audio_block import AudioBlock
from schemas.work.chunk import ChunkSpec


@dataclass(frozen=True, slots=True)
class Phase:
    """The process now runs a pipeline's model, or decodes (None); also its sign of life, sent repeatedly."""

    pipeline: str | None


@dataclass(frozen=True, slots=True)
class SandboxReply:
    """The chunk is done; the process waits for the next."""


@dataclass(frozen=True, slots=True)
class SandboxRequest:
    """A chunk to try, and how many seconds of processor time it may take."""

    work: ChunkSpec | AudioBlock
    cpu_s: float
