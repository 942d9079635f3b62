"""Attempts of a chunk: their states, tokens and legal moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

# failure_kind of a chunk that was given up because it ends its process.
POISONED: Final = "poisoned"
CANCELLED: Final = "cancelled"  # failure_kind of work that a person cancelled.
QUARANTINED: Final = "quarantined"  # failure_kind of failed work that a person put into quarantine.
# What is in quarantine: not even a retry touches it, until a person releases it.
IN_QUARANTINE: Final = frozenset({POISONED, QUARANTINED})
# A further run leaves these alone until they are requested again.
KEPT_FAILED: Final = IN_QUARANTINE | {CANCELLED}


class AttemptState(StrEnum):
    """The state of one attempt of a chunk."""

    LEASED = "leased"  # a worker holds the chunk, or held it when its run was killed
    FAILED = "failed"  # its worker said why
    LOST = "lost"  # the process that held it is gone, whoever's fault it was
    # The process ended, or had to be ended, while it held this chunk alone: the chunk is the cause.
    KILLED = "killed"


LEGAL_MOVES: Final[Mapping[AttemptState, frozenset[AttemptState]]] = {
    AttemptState.LEASED: frozenset({AttemptState.FAILED, AttemptState.LOST, AttemptState.KILLED}),
    AttemptState.FAILED: frozenset(),
    AttemptState.LOST: frozenset(),
    AttemptState.KILLED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Token:
    """The fencing token of a worker's lease of a chunk.

    A later attempt has a higher `number`; from then on a commit with this token is refused.
    """

    chunk_id: str
    video_id: str
    number: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of one chunk.

    `number` counts a chunk's attempts from 1, over all runs; chunk and number together are the `Token` of
    the lease. A committed chunk has no leased attempt: its manifest line holds all facts. `worker` is
    "host:pid". Times are UTC.
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
    """The start of the first chunk of a pipeline of a job, at a time in UTC."""

    job_id: str
    video_id: str
    pipeline: str
    at: datetime
