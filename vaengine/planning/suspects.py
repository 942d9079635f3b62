"""Tells chunks with past attempts from new ones: pure arithmetic over chunks and their attempts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from schemas.work.attempt import Attempt, AttemptState
from schemas.work.audio_block import AudioBlock
from schemas.work.chunk import ChunkSpec, WorkKey

Work = ChunkSpec | AudioBlock
MAX_UNTRIED_PER_SANDBOX = 2
COUNTED = (AttemptState.FAILED, AttemptState.KILLED)


@dataclass(frozen=True, slots=True)
class Suspect:
    """A chunk with past attempts that gave no result, in order; an untried chunk has none.

    Untried chunks are tried beside suspects.
    """

    work: Work
    tries: tuple[Attempt, ...]

    @property
    def spent(self) -> int:
        """Number of attempts that count: each that failed or was killed, and one for all lost ones.

        Lost attempts ended together with a process that had many chunks.
        """
        return sum(one.state in COUNTED for one in self.tries) + any(
            one.state not in COUNTED for one in self.tries
        )

    @property
    def lost(self) -> int:
        return sum(one.state not in COUNTED for one in self.tries)

    @property
    def last(self) -> Attempt:
        """The attempt that says most: the last one that failed or was killed, else the last one."""
        return next((one for one in reversed(self.tries) if one.state in COUNTED), self.tries[-1])

    def again(self) -> Work:
        """The chunk as its next attempt."""
        return replace(self.work, attempt=self.tries[-1].number + 1) if self.tries else self.work

    def after(self, attempt: Attempt) -> Suspect:
        """The suspect with one more attempt."""
        return replace(self, tries=(*self.tries, attempt))


def keys_of(work: Work) -> tuple[WorkKey, ...]:
    """The pipelines of a video that a chunk or a block is for."""
    return work.keys if isinstance(work, ChunkSpec) else (work.key,)


def by_chunk(attempts: Iterable[Attempt]) -> dict[str, list[Attempt]]:
    """Attempts of each chunk, in order."""
    attempts_by_chunk: dict[str, list[Attempt]] = {}
    for attempt in sorted(attempts, key=lambda attempt: attempt.number):
        attempts_by_chunk.setdefault(attempt.chunk_id, []).append(attempt)
    return attempts_by_chunk


def few(untried: Sequence[Work], sandboxes: int) -> list[Suspect]:
    """Untried chunks as suspects if they are too few for another pass, else none.

    A pass takes some 5 s to begin. Such chunks waited in a process when that was lost.
    """
    return (
        [Suspect(work, ()) for work in untried] if len(untried) <= MAX_UNTRIED_PER_SANDBOX * sandboxes else []
    )


def suspect_of(work: Work, tried: Mapping[str, Sequence[Attempt]]) -> Suspect | None:
    """The chunk as a suspect; None where it has no past attempts."""
    tries = tuple(tried.get(work.chunk_id, ()))
    return Suspect(work, tries) if tries else None
