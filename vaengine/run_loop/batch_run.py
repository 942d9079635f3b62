"""The values between the engine and the run loop: what a run is given, its callbacks, its result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from schemas.storage.backend import StorageBackend
from schemas.work.progress import Finished, Snapshot
from schemas.work.run import RunInfo
from vaengine.planning.backlog import Backlog
from vaengine.planning.probing import Probing
from vaengine.requests.request import RunRequest
from vaengine.run_loop.stop_request import StopRequest


@dataclass(frozen=True, slots=True)
class RunCallbacks:
    """Where a run tells of itself: how it stands, several times a second, and pipelines that ended since
    the last call.
    """

    progress: Callable[[Snapshot], None]
    finished: Callable[[Sequence[Finished]], None]


@dataclass(frozen=True, slots=True)
class BatchRun:
    """What stays the same for a run, however often its actors or its Ray are started again."""

    request: RunRequest
    info: RunInfo
    store: StorageBackend
    backlog: Backlog
    probing: Probing
    stop: StopRequest
    callbacks: RunCallbacks

    def new_epoch(self) -> int:
        """Take the store anew: what still works under an earlier epoch is refused from now on."""
        return self.store.open_run(self.info)


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run came to.

    `epoch` is the one it ended with; `halted` says why nothing more could be stored.
    """

    epoch: int
    snapshot: Snapshot
    passes: int = 0
    halted: str | None = None
