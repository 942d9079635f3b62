"""Chunks put together from their pieces, which come in any order, each perhaps more than once, and from
several tries.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.work.chunk import WorkKey
from schemas.work.messages import ChunkEnd, ChunkFailure, DetectionsMessage


@dataclass(frozen=True, slots=True)
class WholeChunk:
    """The end of a chunk and all its pieces, ordered by their numbers."""

    end: ChunkEnd
    pieces: tuple[DetectionsMessage, ...]

    def of(self, pipeline: str) -> list[DetectionsMessage]:
        """The pieces that a pipeline's model has seen."""
        return [piece for piece in self.pieces if piece.pipeline == pipeline]

    @property
    def transient(self) -> ChunkFailure | None:
        """What went wrong that another try may cure."""
        return next((failure for failure in self._failures if failure.transient), None)

    @property
    def failed(self) -> dict[WorkKey, ChunkFailure]:
        """What went wrong, by the keys that it is of."""
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
            for failure in (self.end.failure, *(piece.failure for piece in self.pieces))
            if failure is not None
        ]


@dataclass(slots=True)
class _Assembly:
    """A try of a chunk whose pieces are still coming in."""

    attempt: int
    end: ChunkEnd | None = None
    pieces: dict[int, DetectionsMessage] = field(default_factory=dict)

    def whole(self) -> WholeChunk | None:
        if self.end is None or len(self.pieces) < self.end.pieces:
            return None
        return WholeChunk(self.end, tuple(self.pieces[number] for number in sorted(self.pieces)))


class ChunkReassembler:
    """The chunks that something has come in of, and not yet everything."""

    def __init__(self) -> None:
        self._by_chunk: dict[str, _Assembly] = {}

    def add(self, value: DetectionsMessage | ChunkEnd) -> WholeChunk | None:
        """The chunk that this was the last part of, which is forgotten here; what an earlier try has left
        is of no use to a later one.
        """
        chunk_id, attempt = (
            (value.spec.chunk_id, value.spec.attempt)
            if isinstance(value, ChunkEnd)
            else (value.chunk_id, value.attempt)
        )
        assembly = self._by_chunk.get(chunk_id)
        if assembly is None or assembly.attempt < attempt:
            assembly = self._by_chunk[chunk_id] = _Assembly(attempt)
        if attempt < assembly.attempt:
            return None
        if isinstance(value, ChunkEnd):
            assembly.end = value
        else:
            assembly.pieces[value.number] = value
        if whole := assembly.whole():
            del self._by_chunk[chunk_id]
        return whole
