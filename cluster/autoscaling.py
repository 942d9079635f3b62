"""Decides which resources to request from the autoscaler of a cluster, and waits for them.

The decision is pure. `PendingTasks` carries it out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Final

from cluster.global_state import max_resources

WORK_PER_SLOT: Final = 4  # chunks; a node takes minutes to come, and fewer are done without it by then
PATIENCE_S: Final = 300.0  # how long requested nodes may take before the request is lowered
MAX_BACK_OFF_S: Final = 3600.0
BUSY: Final = 0.8  # a cluster with fewer slots in work gains nothing from more
MAX_CPUS_PER_GPU: Final = 16  # that decode for a GPU; more would wait for it


@dataclass(frozen=True, slots=True)
class Resources:
    """CPUs and GPUs."""

    cpus: int = 0
    gpus: int = 0

    def __post_init__(self) -> None:
        if self.cpus < 0 or self.gpus < 0:
            raise ValueError(f"resources are not negative: {self}")

    def __str__(self) -> str:
        return f"{self.cpus} CPUs, {self.gpus} GPUs"

    def covers(self, other: Resources) -> bool:
        """Whether both numbers are at least those of the other."""
        return self.cpus >= other.cpus and self.gpus >= other.gpus

    def beyond(self, other: Resources) -> Resources:
        """What is missing in the other."""
        return Resources(max(0, self.cpus - other.cpus), max(0, self.gpus - other.gpus))

    def between(self, least: Resources, most: Resources) -> Resources:
        """The nearest resources between two limits."""
        return Resources(
            max(least.cpus, min(self.cpus, most.cpus)), max(least.gpus, min(self.gpus, most.gpus))
        )


@dataclass(frozen=True, slots=True)
class Load:
    """What waits and what is there: chunks that no worker has, decode slots, and how many of them work."""

    waiting: int
    slots: int
    slots_busy: int
    there: Resources
    uses_gpu: bool = False


@dataclass(frozen=True, slots=True)
class ScalingState:
    """The last request, since when it is unanswered, and until when no more is requested."""

    requested: Resources = Resources()
    unanswered_since_s: float | None = None
    back_off_until_s: float = 0.0
    back_off_s: float = PATIENCE_S


def next_request(
    state: ScalingState, load: Load, least: Resources, most: Resources, now_s: float
) -> ScalingState:
    """The state after a look at the load; `requested` is what the cluster shall have from now on.

    A request names the whole cluster, not what is missing. Nodes that do not come within `PATIENCE_S` are
    not asked for again for a while, which doubles each time; the request then is what is there, so that
    the rest goes to others. Without work the request is `least`.
    """
    wanted = _wanted(load, least, most)
    if load.there.covers(wanted):
        return replace(
            state, requested=wanted, unanswered_since_s=None, back_off_until_s=0.0, back_off_s=PATIENCE_S
        )
    if now_s < state.back_off_until_s:
        return replace(state, requested=load.there.between(least, most), unanswered_since_s=None)
    since_s = now_s if state.unanswered_since_s is None or _grew(state, load) else state.unanswered_since_s
    if now_s - since_s < PATIENCE_S:
        return replace(state, requested=wanted, unanswered_since_s=since_s)
    return ScalingState(
        load.there.between(least, most),
        None,
        now_s + state.back_off_s,
        min(MAX_BACK_OFF_S, 2 * state.back_off_s),
    )


def _wanted(load: Load, least: Resources, most: Resources) -> Resources:
    """CPUs for all that waits, in the proportion of `most` for GPUs; no growth while slots are idle."""
    work = load.waiting + load.slots_busy
    slots = math.ceil(work / WORK_PER_SLOT)
    if load.slots and load.slots_busy < BUSY * load.slots:
        slots = min(slots, load.there.cpus)
    cpus = max(slots, min(1, work))
    per_gpu = min(MAX_CPUS_PER_GPU, most.cpus / most.gpus) if most.gpus else math.inf
    gpus = math.ceil(cpus / per_gpu) if load.uses_gpu and work else 0
    return Resources(cpus, gpus).between(least, most)


def _grew(state: ScalingState, load: Load) -> bool:
    """Whether nodes came since the request was made: then it is being answered."""
    return load.slots > 0 and load.there.cpus > state.requested.cpus


class PendingTasks:
    """Tasks of one CPU or one GPU that do nothing: for those that wait, an autoscaler adds nodes.

    `ray.autoscaler.sdk.request_resources` is not used. Autoscaler v2 leaves a request undone as a whole where
    it is for more than the cluster may have, and Ray tells nobody how much that is. Such a request is also
    one for all batches of a cluster, and outlives its driver.
    """

    def __init__(self) -> None:
        self._cpus, self._gpus = _Waiting(num_cpus=1), _Waiting(num_cpus=0, num_gpus=1)

    def wait_for(self, missing: Resources, there: Resources) -> None:
        """Have as many tasks wait as CPUs and GPUs are missing beside those that are `there`."""
        self._cpus.follow(missing.cpus, there)
        self._gpus.follow(missing.gpus, there)


class _Waiting:
    """Waiting tasks of one kind. One that could run found room, and counts until other nodes are there."""

    def __init__(self, **options: float) -> None:
        self._options = options
        self._tasks: list[Any] = []
        self._found_room, self._there = 0, Resources()

    def follow(self, missing: int, there: Resources) -> None:
        if there != self._there:
            self._found_room, self._there = 0, there
        self._settle()
        wanted = max(0, missing - self._found_room)
        self._cancel(self._tasks[wanted:])
        self._tasks = [*self._tasks[:wanted], *self._started(wanted - len(self._tasks))]

    def _settle(self) -> None:
        """Let go of tasks that have run."""
        import ray

        before = len(self._tasks)
        if self._tasks:
            _, self._tasks = ray.wait(self._tasks, num_returns=before, timeout=0)
        self._found_room += before - len(self._tasks)

    def _started(self, number: int) -> list[Any]:
        import ray

        if number <= 0:
            return []
        task = ray.remote(_nothing).options(name="wait_for_nodes", max_retries=0, **self._options)
        return [task.remote() for _ in range(number)]

    def _cancel(self, tasks: list[Any]) -> None:
        import ray

        for task in tasks:
            ray.cancel(task)


def _nothing() -> None:
    """What a waiting task does once there is room for it."""


def most_resources() -> Resources | None:
    """What the autoscaler of this cluster may add up to; None where nobody says, as with Ray's own."""
    most = max_resources()
    return Resources(int(most.get("CPU", 0)), int(most.get("GPU", 0))) if most else None
