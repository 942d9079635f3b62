"""Where a run is carried out: in this process and its children, on a Ray of its own, or on a cluster that
runs already.
"""

from __future__ import annotations

import contextlib
import importlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from cluster.inventory import local_inventory, shared_memory_free_bytes
from cluster.placement import Demand, object_store_bytes, place
from cluster.session import Session, quiet_ray, reachable, running_here, session
from cluster.temp_folder import require_short_temp_folder
from schemas.work.progress import Snapshot
from vaengine.execution.dataset import BLOCK_BYTES
from vaengine.execution.executor import Executor
from vaengine.execution.local import LocalExecutor, LocalProcesses
from vaengine.execution.ray_executor import RayExecutor
from vaengine.execution.stop_request import StopRequest
from vaengine.planning.backlog import PageWork
from vaengine.planning.dry_run import core_seconds
from vaengine.planning.plan import demand_of
from vaengine.requests.executor_choice import (
    EITHER,
    NONE,
    OWN_RAY,
    RUNNING_RAY,
    Choice,
    PlannedWork,
    choose,
    is_short,
)
from vaengine.requests.request import RunRequest


class Machines:
    """The machines of one run. Close it once the run is over."""

    def __init__(self, request: RunRequest) -> None:
        self._request = request
        self._processes = LocalProcesses(request)

    def require(self) -> None:
        """Raises what says that the work cannot be carried out where it was asked for."""
        cluster = self._request.cluster
        if cluster in (NONE, EITHER, OWN_RAY):
            place(local_inventory(), self._demand)
        if cluster == OWN_RAY:
            require_short_temp_folder()
        if self._is_elsewhere:
            reachable(cluster)

    def prepare(self) -> None:
        """Begin what takes a second beside the probing of files: children that import libraries, or the
        import of Ray.
        """
        cluster = self._request.cluster
        if cluster == NONE or (cluster == EITHER and is_short(self._request.inputs)):
            self._processes.warm_up()
        else:
            threading.Thread(target=_import_ray, args=(self._request.verbose,), daemon=True).start()

    def close(self) -> None:
        """End the children that were prepared."""
        self._processes.close()

    @contextlib.contextmanager
    def connected(self, progress: Callable[[Snapshot], None]) -> Iterator[None]:
        """Join somebody else's cluster before anything is stored: what answers may still refuse.

        A Ray of the run's own is started when it is needed.
        """
        if not self._is_elsewhere:
            yield
            return
        with self._session():
            progress(Snapshot())  # ray.init has just taken the SIGTERM handler, and a listener takes it back
            yield

    def choice(self, first: PageWork, *, whole: bool) -> Choice:
        """Where work is carried out, by how long it takes; `whole`: no further page will follow."""
        request, left = self._request, first.left
        if request.cluster != EITHER:
            return Choice(request.cluster, f"--cluster {request.cluster}")
        here = local_inventory()
        placed = place(here, self._demand)
        chunks, blocks = left.all_chunks, left.all_blocks
        work = PlannedWork(
            sum(core_seconds(chunks, blocks, request.settings)),
            len(chunks) + len(blocks),
            is_whole=whole,
            uses_gpu=bool(placed.gpus_each or placed.hearing_gpus_each),
            cpus=here.cpus,
        )
        return choose(work)

    @contextlib.contextmanager
    def executor(self, choice: Choice, stop: StopRequest) -> Iterator[Executor]:
        """What carries the work out. Ray is started for it, unless a stop comes first, and ended with it."""
        if choice.cluster == NONE:
            yield LocalExecutor(self._request, self._processes)
            return
        with contextlib.ExitStack() as stack:
            with stop.interruptible():
                ray_session = stack.enter_context(self._session())
            yield RayExecutor(self._request, ray_session, place(ray_session.inventory, self._demand))

    @property
    def _is_elsewhere(self) -> bool:
        """Whether the work goes to a Ray that this run does not start."""
        return self._request.cluster not in (NONE, EITHER, OWN_RAY)

    def _session(self) -> contextlib.AbstractContextManager[Session]:
        request = self._request
        if self._is_elsewhere:
            return session(request.cluster, packages=_package_folders(), verbose=request.verbose)
        require_short_temp_folder()
        here = local_inventory()
        placement = place(here, self._demand)
        store_bytes = object_store_bytes(
            placement, BLOCK_BYTES, here.memory_bytes, shared_memory_free_bytes()
        )
        return session(cpus=int(here.cpus), object_store_bytes=store_bytes, verbose=request.verbose)

    @property
    def _demand(self) -> Demand:
        return demand_of(self._request.pipelines, self._request.settings)


def with_known_cluster(request: RunRequest) -> RunRequest:
    """The request; where it asks for the Ray that runs on this machine and none does, left to the work's
    length.
    """
    either = request.cluster == RUNNING_RAY and running_here() is None
    return replace(request, cluster=EITHER) if either else request


def _import_ray(verbose: bool) -> None:
    """Importing takes a second that probing does not need the interpreter for."""
    quiet_ray(verbose=verbose)
    importlib.import_module("ray.data")


def _package_folders() -> list[Path]:
    """The four packages as folders, to be sent to a cluster that this command did not start."""
    return [
        Path(importlib.import_module(name).__path__[0])
        for name in ("vaengine", "actors", "cluster", "schemas")
    ]
