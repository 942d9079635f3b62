"""Tries of a chunk, what a person asks of a job while it runs, and what is remembered of either."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

POISONED: Final = "poisoned"  # failure_kind of what was given up because it ends its process
CANCELLED: Final = "cancelled"  # failure_kind of what a person called off
KEPT_FAILED: Final = frozenset(
    {POISONED, CANCELLED}
)  # a further run leaves these alone until they are asked for again


class AttemptState(StrEnum):
    """Where one try of a chunk stands."""

    LEASED = "leased"  # a worker holds the chunk, or held it when its run was killed
    FAILED = "failed"  # its worker said why
    LOST = "lost"  # the process that held it is gone, whoever's fault it was
    # the process ended, or had to be ended, while it held this chunk alone: the chunk is to blame
    KILLED = "killed"


LEGAL_MOVES: Final[Mapping[AttemptState, frozenset[AttemptState]]] = {
    AttemptState.LEASED: frozenset({AttemptState.FAILED, AttemptState.LOST, AttemptState.KILLED}),
    AttemptState.FAILED: frozenset(),
    AttemptState.LOST: frozenset(),
    AttemptState.KILLED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Token:
    """What a worker holds a chunk by: a later try has a higher `number`, and from then on this one's
    commit is refused.
    """

    chunk_id: str
    video_id: str
    number: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of one chunk. `number` counts a chunk's tries from 1, over all runs; together they are the
    `Token` of the lease.

    A committed chunk has no leased try: its manifest line says all there is to say. `worker` is "host:pid".
    Times are UTC.
    """

    chunk_id: str
    video_id: str
    number: int
    state: AttemptState
    worker: str | None = None
    started_at: datetime | None = None
    heartbeat_at: datetime | None = None
    pipeline: str | None = None  # whose model was at work; None: all of the chunk's
    failure_kind: str | None = None
    error_message: str | None = None
    traceback: str | None = None

    def __post_init__(self) -> None:
        if self.number < 1:
            raise ValueError(f"tries are counted from 1, not {self.number}")


@dataclass(frozen=True, slots=True)
class PipelineStart:
    """A run has begun the first chunk of a pipeline of a job, at a time UTC."""

    job_id: str
    video_id: str
    pipeline: str
    at: datetime
