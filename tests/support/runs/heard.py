"""What a finalizer says to its coordinator, kept for tests."""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.work.audio_block import AudioBlock
from schemas.work.chunk import ChunkSpec
from schemas.work.messages import ChunkFailure
from schemas.work.progress import Finished


@dataclass
class Heard:
    """What the coordinator would have been told."""

    committed_chunks: list[str] = field(default_factory=list)
    left_chunks: list[str] = field(default_factory=list)
    ended: list[Finished] = field(default_factory=list)
    halts: list[str] = field(default_factory=list)

    def committed(self, spec: ChunkSpec) -> None:
        self.committed_chunks.append(spec.chunk_id)

    def block_committed(self, block: AudioBlock) -> None:
        self.committed_chunks.append(block.chunk_id)

    def left(self, chunk_id: str, failure: ChunkFailure | None = None) -> None:
        self.left_chunks.append(chunk_id)

    def finished(self, finished: Finished) -> None:
        self.ended.append(finished)

    def halt(self, reason: str) -> None:
        self.halts.append(reason)
