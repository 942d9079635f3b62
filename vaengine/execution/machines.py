"""The machines of a run: chooses between child processes and Ray, prepares them, and runs the work there."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import replace

from cluster.connection.connect import reachable
from cluster.inventory import local_inventory
from cluster.placement import Placement, place
from cluster.temp_folder import require_short_temp_folder
from schemas.work.progress import Snapshot
from vaengine.backends.local import LocalBackend, LocalProcesses
from vaengine.execution.ray_executor import RayExecutor, import_ray, stopped_early
from vaengine.planning.backlog import PageWork, RemainingWork
from vaengine.planning.dry_run import core_seconds
from vaengine.planning.plan import demand_of
from vaengine.planning.probing import Probing
from vaengine.requests.executor_choice import (
    EITHER,
    NONE,
    OF_ITS_OWN,
    OWN_RAY,
    ExecutorChoice,
    PlannedWork,
    choose,
    is_short,
    needs_no_ray,
)
from vaengine.requests.request import RunRequest
from vaengine.requests.running_cluster import found_cluster, require_shared_store
from vaengine.run_loop.batch_run import BatchRun, RunResult
from vaengine.run_loop.run_loop import RunLoop
from vaengine.run_loop.stop_request import StoppedEarly


class Machines:
    """The choice between this process with its children, a Ray of the run's own, and a running one.

    `RunRequest.cluster` says which of them is required.
    """

    def __init__(self, request: RunRequest) -> None:
        self._request = request = found_cluster(request)
        self._demand = demand_of(request.pipelines, request.settings)
        self._processes, self._ray = LocalProcesses(request), RayExecutor(request)

    def require(self) -> None:
        """Raise a `UsageError` if the work cannot be carried out on the requested machines."""
        if self._request.cluster not in OF_ITS_OWN:
            require_shared_store(self._request)
            reachable(self._request.cluster)
            return
        place(local_inventory(), self._demand)
        if self._request.cluster == OWN_RAY:
            require_short_temp_folder()

    def prepare(self) -> None:
        """Begin to start child processes or to import Ray, which takes a second, while files are probed."""
        cluster, verbose = self._request.cluster, self._request.verbose
        if cluster == NONE or (cluster == EITHER and self._is_probably_alone()):
            self._processes.warm_up()
        else:
            threading.Thread(target=import_ray, kwargs={"verbose": verbose}, daemon=True).start()

    def _is_probably_alone(self) -> bool:
        here = local_inventory()
        uses_gpu = _uses_gpu(place(here, self._demand))
        return needs_no_ray(here.cpus, uses_gpu=uses_gpu) or is_short(self._request.inputs)

    def connected(
        self, progress: Callable[[Snapshot], None], probing: Probing
    ) -> contextlib.AbstractContextManager[None]:
        """A context with a connection to a cluster that runs already, if one is requested; it probes too.

        It is entered before anything is stored, since the connection may still fail.
        """
        return self._ray.connected(progress, probing)

    def choice(self, left: RemainingWork, *, is_whole: bool) -> ExecutorChoice:
        """Choose where `left` is carried out; `is_whole` says that all videos are known."""
        request = self._request
        if is_whole and not left.has_work:
            return ExecutorChoice(NONE, "nothing is left to decode")
        if request.cluster != EITHER:
            return ExecutorChoice(request.cluster, request.cluster_text or f"--cluster {request.cluster}")
        inventory = local_inventory()
        placed = place(inventory, self._demand)
        work = PlannedWork(
            sum(core_seconds(left.all_chunks, left.all_blocks, request.settings)),
            len(left.works),
            is_whole=is_whole,
            uses_gpu=_uses_gpu(placed),
            cpus=inventory.cpus,
        )
        choice = choose(work)
        return replace(choice, reason="; ".join(filter(None, [request.cluster_text, choice.reason])))

    def run(self, choice: ExecutorChoice, run: BatchRun, first: PageWork, epoch: int) -> RunResult:
        """Carry out the run on the chosen machines; raises `NodeLost` if Ray is lost too often."""
        if choice.cluster == NONE:
            return self._run_in_processes(run, first, epoch)
        self._processes.close()
        return self._ray.run(run, first, epoch)

    def close(self) -> None:
        """End the child processes."""
        self._processes.close()

    def _run_in_processes(self, run: BatchRun, first: PageWork, epoch: int) -> RunResult:
        try:
            return RunLoop(run, LocalBackend(self._request, self._processes)).run(first, epoch)
        except StoppedEarly:
            return stopped_early(run, epoch)


def _uses_gpu(placed: Placement) -> bool:
    return bool(placed.gpus_each or placed.hearing_gpus_each)
