"""Puts chunks together from their messages.

Messages come in any order, some more than once, and from several attempts.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.work.chunk import WorkKey
from schemas.work.messages import BlockEnd, ChunkEnd, ChunkFailure, DetectionsMessage


@dataclass(frozen=True, slots=True)
class WholeChunk:
    """The end of a chunk and all its messages, ordered by their numbers."""

    end: ChunkEnd
    messages: tuple[DetectionsMessage, ...]

    def of(self, pipeline: str) -> list[DetectionsMessage]:
        """The messages from a pipeline's model."""
        return [message for message in self.messages if message.pipeline == pipeline]

    @property
    def transient(self) -> ChunkFailure | None:
        """A failure that another attempt may cure, if there is one."""
        return next((failure for failure in self._failures if failure.transient), None)

    @property
    def failed(self) -> dict[WorkKey, ChunkFailure]:
        """Failures by the keys that they concern."""
        return {
            key: failure
            for key in self.end.spec.keys
            for failure in self._failures
            if failure.pipeline in (None, key.pipeline)
        }

    @property
    def _failures(self) -> list[ChunkFailure]:
        return [
            failure
            for failure in (self.end.failure, *(message.failure for message in self.messages))
            if failure is not None
        ]


def attempt_of(value: DetectionsMessage | ChunkEnd | BlockEnd) -> tuple[str, int]:
    """The chunk or block of a value, and the number of the attempt that it comes from."""
    match value:
        case ChunkEnd():
            return value.spec.chunk_id, value.spec.attempt
        case BlockEnd():
            return value.block.chunk_id, value.block.attempt
        case _:
            return value.chunk_id, value.attempt


@dataclass(slots=True)
class _PartialChunk:
    """An attempt of a chunk that is not complete yet."""

    attempt: int
    end: ChunkEnd | None = None
    messages: dict[int, DetectionsMessage] = field(default_factory=dict)

    def whole(self) -> WholeChunk | None:
        if self.end is None or len(self.messages) < self.end.pieces:
            return None
        return WholeChunk(self.end, tuple(self.messages[number] for number in sorted(self.messages)))


class ChunkReassembler:
    """Collects the messages of chunks until the chunks are complete."""

    def __init__(self) -> None:
        self._by_chunk: dict[str, _PartialChunk] = {}

    def add(self, value: DetectionsMessage | ChunkEnd) -> WholeChunk | None:
        """Adds a message; returns the chunk if this was its last part, and drops it here.

        Messages of an earlier attempt are dropped when a later one begins.
        """
        chunk_id, attempt = attempt_of(value)
        partial = self._by_chunk.get(chunk_id)
        if partial is None or partial.attempt < attempt:
            partial = self._by_chunk[chunk_id] = _PartialChunk(attempt)
        if attempt < partial.attempt:
            return None
        if isinstance(value, ChunkEnd):
            partial.end = value
        else:
            partial.messages[value.number] = value
        if whole := partial.whole():
            del self._by_chunk[chunk_id]
        return whole
