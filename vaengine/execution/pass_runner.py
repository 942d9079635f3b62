"""Passes on threads of their own: frames as one Dataset, and sound in a pool of actors beside it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any, Final

from actors.stages.stages import ActorNames
from cluster.placement import Placement
from vaengine.execution.audio_pool import blocks_at_once, run_audio_pool
from vaengine.execution.dataset import Pass, PassAbandoned, run_pass
from vaengine.planning.backlog import RemainingWork
from vaengine.planning.plan import block_groups, work_items
from vaengine.requests.request import RunRequest

TICK_SECONDS: Final = 0.25  # from one look at what is waited for to the next
GIVE_UP_SECONDS: Final = 10.0  # how long a pass may take to end once it is given up
MAX_ERROR_LENGTH: Final = 300  # characters

log = logging.getLogger(__name__)


class PassRunner:
    """Begins passes and waits for them.

    `begun` counts them; `last_error` is what broke the last one that broke.
    """

    def __init__(self, request: RunRequest, placement: Placement) -> None:
        self._request, self._placement = request, placement
        self._threads: list[threading.Thread] = []
        self._given_up = threading.Event()
        self.begun = 0
        self.last_error: str | None = None

    def run(self, left: RemainingWork, names: ActorNames) -> Iterator[None]:
        """Begin a pass over what is left, and yield every `TICK_SECONDS` until it has ended.

        A caller that goes no further leaves its threads at work until `give_up`.
        """
        works = self._works(left, names)
        self.begun += bool(works)
        threads = [
            threading.Thread(target=self._carry_out, args=(work,), name="pass", daemon=True) for work in works
        ]
        # A thread of a pass that nobody waits for any more may still be inside Ray.
        self._threads = [*filter(threading.Thread.is_alive, self._threads), *threads]
        for thread in threads:
            thread.start()
        while alive := [thread for thread in threads if thread.is_alive()]:
            yield
            alive[0].join(TICK_SECONDS)

    def give_up(self) -> None:
        """Have the threads leave Ray: one that still calls it while the session ends has Ray end the
        whole process.
        """
        self._given_up.set()
        for thread in self._threads:
            thread.join(GIVE_UP_SECONDS)

    def _works(self, left: RemainingWork, names: ActorNames) -> list[Callable[[], None]]:
        """What the threads of a pass do: the Dataset where there are chunks, the pool where there are
        blocks.
        """
        request, place = self._request, self._placement
        items = work_items(left.chunks.values(), request.settings.engine.chunk_seconds)
        groups = block_groups(left.all_blocks, blocks_at_once(place))
        given_up = self._given_up = threading.Event()
        works: list[Callable[[], None]] = []
        if items:
            work = Pass(items, place, names, request.settings)
            works.append(lambda: run_pass(work, given_up, verbose=request.verbose))
        if groups:
            works.append(lambda: run_audio_pool(groups, place, names, request.settings, given_up))
        return works

    def _carry_out(self, work: Callable[[], None]) -> None:
        try:
            work()
        except PassAbandoned:
            log.info("a pass was given up")
        except Exception as error:  # noqa: BLE001 a broken pass is not the end: what is missing is in the next round
            self.last_error = (str(error).strip() or repr(error)).splitlines()[-1][:MAX_ERROR_LENGTH]
            log.warning("a pass broke: %s", error)


def until_ready(references: list[Any]) -> Iterator[None]:
    """Yield every `TICK_SECONDS` until Ray has an answer to each reference; raises what one of them
    raises.
    """
    import ray

    while ray.wait(references, num_returns=len(references), timeout=TICK_SECONDS)[1]:
        yield
    ray.get(references)
