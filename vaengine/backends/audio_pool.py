"""The pool of Ray actors that analyses blocks of sound, beside the Dataset of a pass."""

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

# Whole blocks that an actor on a processor analyses at once; several short sounds count as one.
BLOCKS_PER_ACTOR: Final = 1
BLOCKS_PER_GPU_ACTOR: Final = 4  # batches of speech fill up across videos
WAIT_SECONDS: Final = 0.5  # longest wait for an answer before `given_up` is read again
MAX_RESTARTS: Final = 8  # of one actor in a pass; the blocks it held are tried alone in the next pass

log = logging.getLogger(__name__)


def blocks_at_once(placement: Placement) -> int:
    """Number of whole blocks of sound that an actor analyses at once."""
    return BLOCKS_PER_GPU_ACTOR if placement.hearing_gpus_each else BLOCKS_PER_ACTOR


@until_the_session_ends()
def run_audio_pool(
    groups: Sequence[tuple[AudioBlock, ...]],
    placement: Placement,
    names: ActorNames,
    settings: Settings,
    given_up: threading.Event,
) -> None:
    """Analyse every group once; returns when each was tried, or soon after `given_up` is set.

    It is a plain pool, since sound needs no stage before it and a Dataset takes 5 s to begin. A group whose
    actor dies stays missing from the manifest, and Ray restarts the actor.
    """
    import ray

    waiting = deque(groups)
    actors = [_actor(placement, names, settings) for _ in range(min(placement.hearing_actors, len(groups)))]
    busy: dict[Any, Any] = {}  # reference to an answer -> its actor
    try:
        while (waiting or busy) and not given_up.is_set():
            for actor in [actor for actor in actors if actor not in busy.values()][: len(waiting)]:
                busy[actor.analyze.remote(waiting.popleft())] = actor
            done, _ = ray.wait(list(busy), num_returns=1, timeout=WAIT_SECONDS)
            for reference in done:
                _note_end(reference, busy.pop(reference), actors)
            if not actors:
                return
    finally:
        for actor in actors:
            ray.kill(actor)


def _note_end(reference: Any, actor: Any, actors: list[Any]) -> None:
    """Note that a group is done or was lost with its actor; remove an actor that Ray does not restart."""
    import ray

    try:
        ray.get(reference)
    except ray.exceptions.ActorUnavailableError as error:
        log.warning("an audio actor died and is started again: %s", error)
    except ray.exceptions.RayActorError as error:
        log.warning("an audio actor is gone: %s", error)
        actors.remove(actor)


def _actor(placement: Placement, names: ActorNames, settings: Settings) -> Any:
    import ray

    options = {"num_cpus": placement.cpus_each, "num_gpus": placement.hearing_gpus_each or None}
    return (
        ray.remote(AudioStage)
        .options(max_restarts=MAX_RESTARTS, max_task_retries=0, **options)
        .remote(by_name(names, settings.engine.worker_silent_seconds), settings)
    )
