"""What carries out the work of a run: Ray, or this process and its children."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from actors.coordination.coordinator_link import CoordinatorLink
from actors.isolation.sandbox import TrialResult
from cluster.diagnosis import Shortage
from cluster.session import Session
from schemas.storage.backend import StorageBackend
from schemas.work.attempt import Token
from schemas.work.chunk import WorkKey
from schemas.work.progress import Worker
from vaengine.planning.backlog import RemainingWork
from vaengine.planning.suspects import Suspect

Errors = tuple[type[BaseException], ...]


class ActorGroup(Protocol):
    """The coordinator, the finalizers and the store of a run."""

    @property
    def store(self) -> StorageBackend: ...

    @property
    def coordinator(self) -> CoordinatorLink: ...

    @property
    def gone(self) -> Errors:
        """What a call raises while an actor of the group is gone, for a moment or for good."""

    def finish(self, keys: Sequence[WorkKey]) -> None:
        """Have these keys finished from stored numbers."""

    def forget(self, keys: Sequence[WorkKey]) -> None:
        """These keys ended and are asked for again."""

    def fence(self, tokens: Sequence[Token]) -> None:
        """Have the finalizers refuse what still comes from these attempts."""

    def drain(self) -> Iterator[None]:
        """Yield now and then until everything handed to the finalizers so far is done."""

    def require_alive(self) -> None:
        """Raises once an actor is gone for good, without waiting for any."""

    def dismiss(self) -> None:
        """End the actors."""


class TrialWorkers(Protocol):
    """Workers that each try one chunk at a time, alone in a process of its own."""

    @property
    def idle(self) -> int:
        """How many could begin an attempt at once."""

    def begin(self, suspect: Suspect) -> None:
        """Begin an attempt on a worker that is idle."""

    def abandon(self, chunk_id: str) -> Suspect | None:
        """Wait no more for the attempt of a chunk that was taken from its worker, and end that worker.

        Returns the suspect; None where no attempt of it is in work.
        """

    def next_ended(self, timeout_s: float) -> tuple[Suspect, TrialResult] | None:
        """An attempt that has ended; None where none does within the time."""

    def close(self) -> None:
        """End the workers, whatever they do."""


class ExecutionBackend(Protocol):
    """What the run loop needs of the machines."""

    @property
    def session(self) -> Session: ...

    @property
    def actors_lost(self) -> Errors:
        """What a call raises once an actor of the group is gone for good: another group is started then."""

    @property
    def pool_size(self) -> int:
        """Most chunks that are tried alone at once."""

    def start_actors(self, epoch: int) -> ActorGroup:
        """Start the actors of a run."""

    def is_outgrown(self) -> bool:
        """Whether the machines have changed so much that the pass at work is worth another placement."""

    def pass_works(
        self, left: RemainingWork, actor_group: ActorGroup, given_up: threading.Event
    ) -> list[Callable[[], None]]:
        """What the threads of a pass over `left` do; each returns soon after `given_up` is set."""

    def trial_workers(self, actor_group: ActorGroup, most: int) -> TrialWorkers:
        """Workers for up to `most` attempts at once."""

    def end_worker(self, worker: Worker) -> None:
        """End a worker that hangs."""

    def shortage(self) -> Shortage:
        """What the machines are short of at this moment."""
