"""Where a training is carried out: by a child process, or by the one worker of a Ray Train run."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from typing import Any, Final, Protocol

from actors.atomic_files import read_object
from actors.child_process import ChildProcess
from cluster.inventory import local_inventory, ray_nodes
from cluster.session import session
from cluster.temp_folder import require_short_temp_folder
from schemas.errors import TrainingFailed, UsageError
from schemas.work.training import TrainingJob
from vaengine.process.child_environment import environment
from vaengine.process.packages import own_packages
from vaengine.requests.executor_choice import NONE, OWN_RAY

MODULE: Final = "actors.training.training_process"
RAY: Final = "ray"  # what Ray Train keeps in the folder of a training
MAX_LOST_WORKERS: Final = 2  # whose work Ray begins again from the checkpoint


class Worker(Protocol):
    """A training that is being carried out."""

    def is_done(self, timeout_s: float) -> bool:
        """Wait so long at most; returns whether it is done. Raises the error that ended it."""


def worker(
    name: str, job: TrainingJob, cluster: str, gpus: int | None, *, verbose: bool = False
) -> AbstractContextManager[Worker]:
    """A context in which a training is carried out, without Ray where `cluster` is `none`.

    `gpus` are those to use, None for one where there is one. The training ends with the context. Raises
    `UsageError` where there are not so many.
    """
    if cluster == NONE:
        return _in_child(name, job, gpus)
    return _on_ray(name, job, cluster, gpus, verbose=verbose)


def _with_gpus(job: TrainingJob, available: float, cpus: float, asked: int | None) -> TrainingJob:
    gpus = min(1, int(available)) if asked is None else asked
    if gpus > available:
        raise UsageError(f"--gpus {gpus}: {available:g} are here, on one machine")
    return replace(job, gpus=gpus, cpus=max(1, int(cpus)))


# Without Ray.


@dataclass(slots=True)
class _ChildWorker:
    name: str
    child: ChildProcess
    connection: Connection

    def is_done(self, timeout_s: float) -> bool:
        if not self.connection.poll(timeout_s):
            return False
        try:
            error = self.connection.recv()
        except EOFError:
            ended = self.child.end(None)
            last = (ended.traceback or "").strip().splitlines()[-1:]
            raise TrainingFailed(self.name, "; ".join([ended.message, *last])) from None
        if error is not None:
            raise error
        return True


@contextmanager
def _in_child(name: str, job: TrainingJob, gpus: int | None) -> Iterator[Worker]:
    machine = local_inventory()
    job = _with_gpus(job, machine.gpus, machine.cpus, gpus)
    with closing(ChildProcess(MODULE, job, environment=environment())) as child:
        yield _ChildWorker(name, child, child.connection())


# On Ray.


@dataclass(slots=True)
class _RayWorker:
    """A run of Ray Train on a helper thread: `fit` would take the handler of Ctrl-C on the main one."""

    name: str
    job: TrainingJob
    trainer: Any
    _error: list[BaseException] = field(default_factory=list)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._fit, daemon=True)
        self._thread.start()

    def _fit(self) -> None:
        try:
            self.trainer.fit()
        except BaseException as error:  # noqa: BLE001  it is raised on the main thread
            self._error.append(error)

    def is_done(self, timeout_s: float) -> bool:
        if self._thread is None:
            raise AssertionError("a worker is started before it is waited for")
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            return False
        self._raise()
        return True

    def _raise(self) -> None:
        from actors.training.ray_worker import FAILURE

        if failure := read_object(self.job.folder / FAILURE):
            (self.job.folder / FAILURE).unlink()
            if failure["is_usage"]:
                raise UsageError(failure["message"])
            raise TrainingFailed(self.name, failure["message"])
        if self._error:
            raise TrainingFailed(self.name, _last_line(self._error[0])) from self._error[0]


def _last_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


@contextmanager
def _on_ray(
    name: str, job: TrainingJob, cluster: str, gpus: int | None, *, verbose: bool
) -> Iterator[Worker]:
    if cluster == OWN_RAY:
        require_short_temp_folder()
    packages = [] if cluster == OWN_RAY else own_packages()
    cpus = int(local_inventory().cpus) if cluster == OWN_RAY else None
    with session(cluster, cpus=cpus, packages=packages, verbose=verbose):
        running = _RayWorker(name, job, _trainer(_on_a_node(job, gpus)))
        running.start()
        yield running


def _on_a_node(job: TrainingJob, gpus: int | None) -> TrainingJob:
    """The job with what the largest node has: a worker is on one node, with its GPUs."""
    nodes = [node for node in ray_nodes() if not node.is_draining and node.cpus >= 1]
    if not nodes:
        raise UsageError("no node of the cluster has a CPU to train on: `vaengine cluster status` shows them")
    largest = max(nodes, key=lambda node: (node.gpus, node.cpus))
    return _with_gpus(job, largest.gpus, largest.cpus, gpus)


def _trainer(job: TrainingJob) -> Any:
    from ray.train import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    from actors.training.ray_worker import train_loop

    return TorchTrainer(
        train_loop,
        train_loop_config={"job": job},
        scaling_config=ScalingConfig(
            num_workers=1,
            use_gpu=bool(job.gpus),
            resources_per_worker={"CPU": job.cpus, **({"GPU": job.gpus} if job.gpus else {})},
        ),
        run_config=RunConfig(
            # A name of its own each time: under an old one Ray Train would go on from its own record of the
            # run, which may be finished, and not from the checkpoint in the folder.
            name=f"run-{uuid.uuid4().hex[:8]}",
            storage_path=str(job.folder / RAY),
            failure_config=FailureConfig(max_failures=MAX_LOST_WORKERS),
            checkpoint_config=CheckpointConfig(num_to_keep=1),
        ),
    )
