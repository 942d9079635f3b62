"""What a run may use of its machines at this moment: they come and go, and other batches have their share."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from cluster.inventory import Inventory
from cluster.placement import Placement

LOOK_SECONDS: Final = 2.0  # from one look at the cluster to the next
SETTLED_SECONDS: Final = 3.0  # how long machines stay as they are until another placement is worth it
WORTH_IT: Final = 1.25  # times the decode slots

log = logging.getLogger(__name__)


class Capacity:
    """The machines of a run, looked at by a thread of the driver."""

    def __init__(self, first: Inventory, look: Callable[[], Inventory] | None = None) -> None:
        """`look` asks the cluster; without it the machines stay as they are."""
        self._now, self._look, self._closed = first, look, threading.Event()
        if look is not None:
            threading.Thread(target=self._run, name="capacity", daemon=True).start()

    def now(self) -> Inventory:
        """What the run may use."""
        return self._now

    def close(self) -> None:
        """Look no more."""
        self._closed.set()

    def _run(self) -> None:
        while self._look is not None and not self._closed.wait(LOOK_SECONDS):
            try:
                self._take(self._look())
            # Whatever Ray raises while its head or its connection is gone: the next look may succeed.
            except Exception as error:  # noqa: BLE001
                log.info("the cluster could not be looked at: %s", error)

    def _take(self, seen: Inventory) -> None:
        """Machines that are all away come back: until then a placement on them stays as it was."""
        if seen.cpus >= 1:
            self._now = seen


class Outgrown:
    """Decides whether a placement no longer fits the machines, once they have settled.

    It fits no longer where the run may use less than it uses, or so much more that another pass is worth it.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: Placement | None = None
        self._since_s = 0.0

    def look(self, placed: Placement, possible: Placement) -> bool:
        """Whether a pass with `placed` is to end for one with `possible`."""
        if possible != self._last:
            self._last, self._since_s = possible, self._clock()
        settled = self._clock() - self._since_s >= SETTLED_SECONDS
        return settled and (_uses_less(possible, placed) or _uses_more(possible, placed))


def _uses_less(possible: Placement, placed: Placement) -> bool:
    return any(now < before for now, before in zip(_slots(possible), _slots(placed), strict=True))


def _uses_more(possible: Placement, placed: Placement) -> bool:
    return any(
        now >= max(before + 1, WORTH_IT * before)
        for now, before in zip(_slots(possible), _slots(placed), strict=True)
    )


def _slots(placement: Placement) -> tuple[int, int, int]:
    return placement.decode_slots, placement.vision_actors, placement.hearing_actors
