"""Waits for the cluster of a batch whose head is gone for a moment, as where a machine is started anew."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from cluster.connection.connect import require_usable
from schemas.errors import ClusterUnreachable, HeadLost
from vaengine.console.output import say
from vaengine.requests.executor_choice import OF_ITS_OWN
from vaengine.requests.request import RunRequest

RETURN_SECONDS: Final = 120.0  # how long a head may take to come back
LOOK_SECONDS: Final = 2.0


def wait_for_return(
    request: RunRequest,
    is_stopped: Callable[[], bool],
    *,
    look: Callable[[str], object] = require_usable,
    patience_s: float = RETURN_SECONDS,
    wait: Callable[[float], None] = time.sleep,
) -> None:
    """Return once a run can begin on the cluster of a request, or at a stop.

    Raises `HeadLost` where that takes too long. The node of this machine may be back later than the head. A
    cluster of the run's own is not waited for: it is started again.
    """
    if request.cluster in OF_ITS_OWN:
        return
    deadline_s, is_told = time.monotonic() + patience_s, False
    while not is_stopped():
        try:
            look(request.cluster)
            return
        except ClusterUnreachable as error:
            if time.monotonic() >= deadline_s:
                raise HeadLost(request.cluster, f"{patience_s:.0f}") from error
        if not is_told:
            say(f"the cluster ({request.cluster}) has lost its head; it is waited for, {patience_s:.0f} s")
            is_told = True
        wait(LOOK_SECONDS)
