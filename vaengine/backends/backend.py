"""The protocols of an execution backend, which carries out a run: on Ray, or in child processes."""

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
    def unavailable_errors(self) -> Errors:
        """Errors that a call raises while an actor of the group is gone, for a moment or for good."""

    def finish(self, keys: Sequence[WorkKey]) -> None:
        """Have the finalizers finish these keys from stored numbers."""

    def forget(self, keys: Sequence[WorkKey]) -> None:
        """Let these keys, which had ended, be finished once more."""

    def fence(self, tokens: Sequence[Token]) -> None:
        """Have the finalizers refuse what still comes from these attempts."""

    def drain(self) -> Iterator[None]:
        """Yield now and then until the finalizers are done with all they were given so far."""

    def require_alive(self) -> None:
        """Raise an error if an actor is gone for good. Waits for no actor."""

    def stop(self) -> None:
        """End the actors."""


class TrialWorkers(Protocol):
    """Workers that each try one chunk at a time, alone in a process of its own."""

    @property
    def idle(self) -> int:
        """Number of workers that have no attempt."""

    def begin(self, suspect: Suspect) -> None:
        """Begin an attempt on a worker that is idle."""

    def abandon(self, chunk_id: str) -> Suspect | None:
        """Wait no more for the attempt of a chunk that was taken from its worker, and end that worker.

        Returns the suspect; None where no attempt of it is in work.
        """

    def next_ended(self, timeout_s: float) -> tuple[Suspect, TrialResult] | None:
        """An attempt that has ended; None if none ends within `timeout_s`."""

    def close(self) -> None:
        """End the workers and their attempts."""


class ExecutionBackend(Protocol):
    """The machines of a run, as the run loop uses them."""

    @property
    def session(self) -> Session: ...

    @property
    def lost_actor_errors(self) -> Errors:
        """Errors that a call raises once an actor of the group is gone for good."""

    @property
    def pool_size(self) -> int:
        """Largest number of chunks that are tried alone at once."""

    def start_actors(self, epoch: int) -> ActorGroup:
        """Start the actors of a run."""

    def is_outgrown(self) -> bool:
        """Whether the machines have changed so much that the pass at work is worth another placement."""

    def pass_works(
        self, left: RemainingWork, actor_group: ActorGroup, given_up: threading.Event
    ) -> list[Callable[[], None]]:
        """The functions for the threads of a pass; each returns soon after `given_up` is set."""

    def trial_workers(self, actor_group: ActorGroup, most: int) -> TrialWorkers:
        """Workers for up to `most` attempts at once."""

    def end_worker(self, worker: Worker) -> None:
        """End a worker that hangs."""

    def shortage(self) -> Shortage:
        """The resources that work waits for at this moment."""
