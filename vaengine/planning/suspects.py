"""What has been tried before is told apart from what has not: pure arithmetic over chunks and their past
tries.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from schemas.work.attempt import Attempt, AttemptState
from schemas.work.audio_block import AudioBlock
from schemas.work.chunk import ChunkSpec, WorkKey

Work = ChunkSpec | AudioBlock
FEW_PER_CELL = 2
COUNTED = (AttemptState.FAILED, AttemptState.KILLED)


@dataclass(frozen=True, slots=True)
class Suspect:
    """A chunk with tries behind it that gave no result, in order; without any it is only one that is
    tried beside them.
    """

    work: Work
    tries: tuple[Attempt, ...]

    @property
    def spent(self) -> int:
        """Tries that count: all that failed or ended their process, and one for all that were lost with a
        process of many.
        """
        return sum(one.state in COUNTED for one in self.tries) + any(
            one.state not in COUNTED for one in self.tries
        )

    @property
    def lost(self) -> int:
        return sum(one.state not in COUNTED for one in self.tries)

    @property
    def last(self) -> Attempt:
        """The try that says most, where there are any: the last that failed, else the last one."""
        return next((one for one in reversed(self.tries) if one.state in COUNTED), self.tries[-1])

    def again(self) -> Work:
        """The chunk as its next try."""
        return replace(self.work, attempt=self.tries[-1].number + 1) if self.tries else self.work

    def after(self, attempt: Attempt) -> Suspect:
        """With one more try behind it."""
        return replace(self, tries=(*self.tries, attempt))


def keys_of(work: Work) -> tuple[WorkKey, ...]:
    """The pipelines of a video that a chunk or a block is for."""
    return work.keys if isinstance(work, ChunkSpec) else (work.key,)


def by_chunk(attempts: Iterable[Attempt]) -> dict[str, list[Attempt]]:
    """Tries of each chunk, in order."""
    found: dict[str, list[Attempt]] = {}
    for one in sorted(attempts, key=lambda one: one.number):
        found.setdefault(one.chunk_id, []).append(one)
    return found


def few(untried: Sequence[Work], cells: int) -> list[Suspect]:
    """What a pass has left over, where it is too little for another one, which would take some 5 s to begin;
    none where it is not.

    Such are chunks that waited in a process when that was lost.
    """
    return [Suspect(work, ()) for work in untried] if len(untried) <= FEW_PER_CELL * cells else []


def suspect_of(work: Work, tried: Mapping[str, Sequence[Attempt]]) -> Suspect | None:
    """The chunk as a suspect; None where nothing is held against it."""
    tries = tuple(tried.get(work.chunk_id, ()))
    return Suspect(work, tries) if tries else None
