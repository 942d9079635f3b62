"""How a run that may do without Ray cuts its videos, so that a few short ones keep every processor busy."""

from __future__ import annotations

import math

from cluster.inventory import local_inventory
from vaengine.requests.executor_choice import EITHER, NONE
from vaengine.requests.request import RunRequest


def parts_of_each(request: RunRequest) -> int:
    """Chunks that each video is cut into at least, where its keyframes allow it.

    It is 1 on Ray, and where there are enough videos. It depends on the request and the machine alone: a
    later round, and a later run, cut the same video at the same places.
    """
    if request.cluster not in (NONE, EITHER) or not request.inputs:
        return 1
    cpus = math.floor(local_inventory().cpus)
    workers = min(request.settings.engine.workers or cpus, cpus)
    return max(1, workers // len(request.inputs))
