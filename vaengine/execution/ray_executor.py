"""Works through a run on Ray, in its own session or on a running cluster; restarts after a lost node."""

from __future__ import annotations

import contextlib
import functools
import importlib
import logging
from collections.abc import Callable, Iterator
from typing import Final

from cluster.inventory import local_inventory, shared_memory_free_bytes
from cluster.placement import Demand, object_store_bytes, place
from cluster.session import Session, quiet_ray, session
from cluster.temp_folder import require_short_temp_folder
from schemas.errors import NodeLost
from schemas.work.progress import Snapshot
from vaengine.backends.capacity import Capacity
from vaengine.backends.dataset import BLOCK_BYTES
from vaengine.backends.probe_tasks import ProbeTasks, RayTasks
from vaengine.backends.ray_backend import RayBackend
from vaengine.backends.tenants import share_beside_others, tenant_of
from vaengine.planning.backlog import PageWork
from vaengine.planning.plan import demand_of
from vaengine.planning.probing import Probing
from vaengine.process.packages import own_packages
from vaengine.requests.executor_choice import OF_ITS_OWN
from vaengine.requests.request import RunRequest
from vaengine.run_loop.batch_run import BatchRun, RunResult
from vaengine.run_loop.job_controls import JobControlHandler
from vaengine.run_loop.run_loop import RunLoop
from vaengine.run_loop.stop_request import StoppedEarly

MAX_SESSIONS: Final = 4  # for one run on this machine
RAY_CLIENT: Final = "ray://"

log = logging.getLogger(__name__)


class RayExecutor:
    """Works through a run on Ray."""

    def __init__(self, request: RunRequest) -> None:
        self._request = request

    @contextlib.contextmanager
    def connected(self, progress: Callable[[Snapshot], None], probing: Probing) -> Iterator[None]:
        """A context with a connection to a cluster that runs already; empty for a session of the run's own.

        The connection may fail, so it is made before anything is stored. From then on the nodes of the
        cluster probe files too. The run's own session is started when it is needed.
        """
        if self._is_own:
            yield
            return
        with self._session():
            progress(Snapshot())  # ray.init has just taken the SIGTERM handler; the callback takes it back
            if self._request.cluster.startswith(RAY_CLIENT):  # which takes seconds for each task
                yield
                return
            with contextlib.closing(ProbeTasks(probing, RayTasks())):
                yield

    def run(self, run: BatchRun, first: PageWork, epoch: int) -> RunResult:
        """Work until nothing is left or the run stops; raises `NodeLost` if a node is lost too often."""
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
        raise AssertionError("the last session returns or raises")

    def _run_in_session(self, run: BatchRun, first: PageWork, epoch: int) -> RunResult:
        with contextlib.ExitStack() as stack:
            with run.stop.interruptible():
                ray_session = stack.enter_context(self._session())
            capacity = stack.enter_context(contextlib.closing(self._capacity(ray_session)))
            backend = stack.enter_context(
                contextlib.closing(RayBackend(self._request, ray_session, capacity))
            )
            return RunLoop(run, backend).run(first, epoch)

    def _capacity(self, ray_session: Session) -> Capacity:
        """The whole of a Ray of the run's own; of others' clusters the share beside other batches."""
        if ray_session.started:
            return Capacity(ray_session.inventory)
        own = tenant_of(self._request.batch_id or "", self._request.settings.engine)
        look = functools.partial(share_beside_others, own)
        return Capacity(look(), look)

    def _session(self) -> contextlib.AbstractContextManager[Session]:
        request = self._request
        if not self._is_own:
            return session(request.cluster, packages=own_packages(), verbose=request.verbose)
        require_short_temp_folder()
        inventory = local_inventory()
        placement = place(inventory, self._demand)
        store_bytes = object_store_bytes(
            placement, BLOCK_BYTES, inventory.memory_bytes, shared_memory_free_bytes()
        )
        return session(cpus=int(inventory.cpus), object_store_bytes=store_bytes, verbose=request.verbose)

    @property
    def _is_own(self) -> bool:
        """Whether the run starts its own Ray."""
        return self._request.cluster in OF_ITS_OWN

    @property
    def _demand(self) -> Demand:
        return demand_of(self._request.pipelines, self._request.settings)


def stopped_early(run: BatchRun, epoch: int) -> RunResult:
    """Release all work of a run that was stopped before any chunk was in work; returns its result."""
    JobControlHandler(run.backlog).release_pending(run.backlog.left(run.store, epoch), run.store, epoch)
    return RunResult(epoch, Snapshot())


def import_ray(*, verbose: bool) -> None:
    """Import Ray ahead of its use: it takes a second, and probing does not need the interpreter meanwhile."""
    quiet_ray(verbose=verbose)
    importlib.import_module("ray.data")
