"""What a run requests from the autoscaler of its cluster, carried out as it is decided."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from typing import Final

from cluster.autoscaling import Load, Resources, ScalingState, next_request
from cluster.inventory import Node
from schemas.settings.settings import EngineSettings

ANY_NUMBER: Final = 10_000  # of CPUs: the autoscaler stops at the limits of its own file

log = logging.getLogger(__name__)


class ResourceRequests:
    """Requests between a least and a most.

    `reported` is the most that the cluster says it may have, None where it says nothing. `wait_for` is given
    what is missing and what is there, each time.
    """

    def __init__(
        self,
        reported: Resources | None,
        engine: EngineSettings,
        *,
        uses_gpu: bool,
        wait_for: Callable[[Resources, Resources], None],
    ) -> None:
        self._least, self._most = _limits(reported, engine)
        self._uses_gpu, self._wait_for = uses_gpu, wait_for
        self._state = ScalingState()

    @property
    def may_add_gpus(self) -> bool:
        """Whether nodes with GPUs are expected."""
        return self._most.gpus > 0

    def follow(self, waiting: int, slots: int, busy: int, there: Sequence[Node], now_s: float) -> None:
        """Request what the load asks for."""
        alive = Resources(int(sum(node.cpus for node in there)), int(sum(node.gpus for node in there)))
        load = Load(waiting, slots, busy, alive, self._uses_gpu)
        before, self._state = self._state, next_request(self._state, load, self._least, self._most, now_s)
        if self._state.back_off_until_s > max(before.back_off_until_s, now_s):
            log.info(
                "no node has come: nothing more is requested for %.0f s; %s are there",
                self._state.back_off_until_s - now_s,
                alive,
            )
        if self._state.requested != before.requested:
            log.info("requested in all: %s; %s are there", self._state.requested, alive)
        self._wait_for(self._state.requested.beyond(alive), alive)

    def release(self) -> None:
        """Give everything back."""
        self._wait_for(Resources(), Resources())
        self._state = ScalingState()


def _limits(reported: Resources | None, engine: EngineSettings) -> tuple[Resources, Resources]:
    """The least and the most of a run, within what the cluster may have.

    GPUs are requested where somebody says how many there may be: a file without any would never add one.
    """
    may_have = reported or Resources(ANY_NUMBER, math.ceil(engine.max_gpus))
    most = Resources(
        min(may_have.cpus, math.ceil(engine.max_cpus) or may_have.cpus),
        min(may_have.gpus, math.ceil(engine.max_gpus) or may_have.gpus),
    )
    return Resources(min(math.ceil(engine.min_cpus), most.cpus)), most
