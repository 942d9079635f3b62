"""A run on Ray: a session of its own or somebody else's cluster, begun again where a node is lost."""

from __future__ import annotations

import contextlib
import importlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from cluster.inventory import local_inventory, shared_memory_free_bytes
from cluster.placement import Demand, object_store_bytes, place
from cluster.session import Session, quiet_ray, session
from cluster.temp_folder import require_short_temp_folder
from schemas.errors import NodeLost
from schemas.work.progress import Snapshot
from vaengine.backends.dataset import BLOCK_BYTES
from vaengine.backends.ray_backend import RayBackend
from vaengine.planning.backlog import PageWork
from vaengine.planning.plan import demand_of
from vaengine.requests.executor_choice import OF_ITS_OWN
from vaengine.requests.request import RunRequest
from vaengine.run_loop.batch_run import BatchRun, RunResult
from vaengine.run_loop.job_controls import JobControlHandler
from vaengine.run_loop.run_loop import RunLoop
from vaengine.run_loop.stop_request import StoppedEarly

MAX_SESSIONS: Final = 4  # that may be started for one run on this machine

log = logging.getLogger(__name__)


class RayExecutor:
    """Works through a run on Ray."""

    def __init__(self, request: RunRequest) -> None:
        self._request = request

    @contextlib.contextmanager
    def connected(self, progress: Callable[[Snapshot], None]) -> Iterator[None]:
        """Join somebody else's cluster before anything is stored: what answers may still refuse.

        A session of our own is started when it is needed.
        """
        if self._is_own:
            yield
            return
        with self._session():
            progress(Snapshot())  # ray.init has just taken the SIGTERM handler, and a listener takes it back
            yield

    def run(self, run: BatchRun, first: PageWork, epoch: int) -> RunResult:
        """Work until nothing is left or the run stops; raises `NodeLost` where that happens too often."""
        for number in range(1, MAX_SESSIONS + 1):
            try:
                return self._run_in_session(run, first, epoch)
            except StoppedEarly:
                return stopped_early(run, epoch)
            except NodeLost as error:
                if number == MAX_SESSIONS or run.stop:
                    raise
                log.warning("%s; Ray is started again", error)
                epoch = run.new_epoch()
                first = PageWork(run.backlog.left(run.store, epoch), 0, 0, ())
        raise AssertionError("a node that is lost for the last time is an error")

    def _run_in_session(self, run: BatchRun, first: PageWork, epoch: int) -> RunResult:
        with contextlib.ExitStack() as stack:
            with run.stop.interruptible():
                ray_session = stack.enter_context(self._session())
            backend = RayBackend(self._request, ray_session, place(ray_session.inventory, self._demand))
            stack.callback(backend.close)
            return RunLoop(run, backend).run(first, epoch)

    def _session(self) -> contextlib.AbstractContextManager[Session]:
        request = self._request
        if not self._is_own:
            return session(request.cluster, packages=_package_folders(), verbose=request.verbose)
        require_short_temp_folder()
        here = local_inventory()
        placement = place(here, self._demand)
        store_bytes = object_store_bytes(
            placement, BLOCK_BYTES, here.memory_bytes, shared_memory_free_bytes()
        )
        return session(cpus=int(here.cpus), object_store_bytes=store_bytes, verbose=request.verbose)

    @property
    def _is_own(self) -> bool:
        """Whether the run starts the Ray that it works on."""
        return self._request.cluster in OF_ITS_OWN

    @property
    def _demand(self) -> Demand:
        return demand_of(self._request.pipelines, self._request.settings)


def stopped_early(run: BatchRun, epoch: int) -> RunResult:
    """What a run comes to that was stopped before anything was in work: all of it is pending."""
    JobControlHandler(run.backlog).release_pending(run.backlog.left(run.store, epoch), run.store, epoch)
    return RunResult(epoch, Snapshot())


def import_ray(*, verbose: bool) -> None:
    """Import Ray ahead of its use: it takes a second that probing does not need the interpreter for."""
    quiet_ray(verbose=verbose)
    importlib.import_module("ray.data")


def _package_folders() -> list[Path]:
    """The four packages as folders, to be sent to a cluster that this command did not start."""
    return [
        Path(importlib.import_module(name).__path__[0])
        for name in ("vaengine", "actors", "cluster", "schemas")
    ]
