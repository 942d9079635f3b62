"""The values between the engine and the run loop: a run, its callbacks, its result."""

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
    """What a run calls several times a second, both on the main thread.

    `progress` gets the state of the run, `finished` the pipelines that ended since the last call.
    """

    progress: Callable[[Snapshot], None]
    finished: Callable[[Sequence[Finished]], None]


@dataclass(frozen=True, slots=True)
class BatchRun:
    """The parts of a run that stay the same when its actors or its Ray are restarted."""

    request: RunRequest
    info: RunInfo
    store: StorageBackend
    backlog: Backlog
    probing: Probing
    stop: StopRequest
    callbacks: RunCallbacks

    def new_epoch(self) -> int:
        """Open the run in the store again; from then on the store refuses writes of earlier epochs."""
        return self.store.open_run(self.info)


@dataclass(frozen=True, slots=True)
class RunResult:
    """The result of a run.

    `epoch` is the one that the run ended with. `halted` says why nothing more could be stored.
    """

    epoch: int
    snapshot: Snapshot
    passes: int = 0
    halted: str | None = None
