"""What a run requests from the autoscaler of its cluster, carried out as it is decided."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence

from cluster.autoscaling import Load, Resources, ScalingState, next_request, request
from cluster.inventory import Node
from schemas.settings.settings import EngineSettings

log = logging.getLogger(__name__)


class ResourceRequests:
    """Requests between a least and a most; there are none without an autoscaler (`most` None)."""

    def __init__(
        self,
        most: Resources | None,
        engine: EngineSettings,
        *,
        uses_gpu: bool,
        send: Callable[[Resources], None] = request,
    ) -> None:
        self._limits = _limits(most, engine) if most else None
        self._uses_gpu, self._send = uses_gpu, send
        self._state = ScalingState()

    @property
    def may_add_gpus(self) -> bool:
        """Whether nodes with GPUs may come."""
        return bool(self._limits and self._limits[1].gpus)

    def follow(self, waiting: int, slots: int, busy: int, there: Sequence[Node], now_s: float) -> None:
        """Request what the load asks for, where that has changed."""
        if self._limits is None:
            return
        alive = Resources(int(sum(node.cpus for node in there)), int(sum(node.gpus for node in there)))
        load = Load(waiting, slots, busy, alive, self._uses_gpu)
        before, self._state = self._state, next_request(self._state, load, *self._limits, now_s)
        if self._state.back_off_until_s > max(before.back_off_until_s, now_s):
            log.warning(
                "nodes that were requested do not come: nothing more is requested for %.0f s; %s are there",
                self._state.back_off_until_s - now_s,
                alive,
            )
        if self._state.requested != before.requested:
            log.info("requested from the autoscaler: %s", self._state.requested)
            self._send(self._state.requested)

    def release(self) -> None:
        """Give everything back."""
        if self._state.requested != Resources():
            self._send(Resources())
        self._state = ScalingState()


def _limits(most: Resources, engine: EngineSettings) -> tuple[Resources, Resources]:
    """The least and the most of a run, within what the cluster may have."""
    highest = Resources(
        min(most.cpus, math.ceil(engine.max_cpus) or most.cpus),
        min(most.gpus, math.ceil(engine.max_gpus) or most.gpus),
    )
    return Resources(min(math.ceil(engine.min_cpus), highest.cpus)), highest
