"""Sound beside the pictures of a pass: blocks handed to a pool of actors as they become free."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from actors.stages.stages import ActorNames, AudioStage, by_name
from cluster.placement import Placement
from cluster.session import until_the_session_ends
from schemas.settings.settings import Settings
from schemas.work.audio_block import AudioBlock

AT_ONCE: Final = 1  # whole blocks that an actor listens to at once on a processor; short sounds share them
AT_ONCE_ON_GPU: Final = 4  # so that batches of speech fill up across videos
LOOK_SECONDS: Final = 0.5  # from one look at whether to go on to the next
RESTARTS: Final = 8  # of one actor in a pass; what it held is tried alone in the next one

log = logging.getLogger(__name__)


def blocks_at_once(placement: Placement) -> int:
    """How many whole blocks of sound an actor takes at once."""
    return AT_ONCE_ON_GPU if placement.hearing_gpus_each else AT_ONCE


@until_the_session_ends()
def run_audio_pool(
    groups: Sequence[tuple[AudioBlock, ...]],
    placement: Placement,
    names: ActorNames,
    settings: Settings,
    given_up: threading.Event,
) -> None:
    """Have every group listened to; returns when each has been tried, or soon after `given_up` is set.

    A plain pool and no Dataset: sound needs no stage before it, and a Dataset would take 5 s to begin. A
    group whose actor dies is lost here and missing from the manifest; Ray starts the actor anew.
    """
    import ray

    waiting = deque(groups)
    actors = [_actor(placement, names, settings) for _ in range(min(placement.hearing_actors, len(groups)))]
    busy: dict[Any, Any] = {}
    try:
        while (waiting or busy) and not given_up.is_set():
            for actor in [one for one in actors if one not in busy.values()][: len(waiting)]:
                busy[actor.analyze.remote(waiting.popleft())] = actor
            done, _ = ray.wait(list(busy), num_returns=1, timeout=LOOK_SECONDS)
            for reference in done:
                _take(reference, busy.pop(reference), actors)
            if not actors:
                return
    finally:
        for actor in actors:
            ray.kill(actor)


def _take(reference: Any, actor: Any, actors: list[Any]) -> None:
    """One group is done, or lost with its actor; an actor that Ray does not start again leaves the pool."""
    import ray

    try:
        ray.get(reference)
    except ray.exceptions.ActorUnavailableError as error:
        log.warning("a listener died and is started again: %s", error)
    except ray.exceptions.RayActorError as error:
        log.warning("a listener is gone: %s", error)
        actors.remove(actor)


def _actor(placement: Placement, names: ActorNames, settings: Settings) -> Any:
    import ray

    options = {"num_cpus": placement.cpus_each, "num_gpus": placement.hearing_gpus_each or None}
    return (
        ray.remote(AudioStage)
        .options(max_restarts=RESTARTS, max_task_retries=0, **options)
        .remote(by_name(names, settings.engine.worker_silent_seconds), settings)
    )
