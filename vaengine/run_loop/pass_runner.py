"""Runs passes on threads."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Final

from vaengine.backends.actor_group import TICK_SECONDS
from vaengine.backends.backend import ActorGroup
from vaengine.backends.dataset import PassAbandoned
from vaengine.planning.backlog import RemainingWork

GIVE_UP_SECONDS: Final = 10.0  # how long a pass may take to end once it is given up
MAX_ERROR_LENGTH: Final = 300  # characters

log = logging.getLogger(__name__)


class PassRunner:
    """Begins passes and waits for them.

    `begun` is the number of passes. `last_error` is the error of the last pass that broke, in one line.
    """

    def __init__(
        self, works: Callable[[RemainingWork, ActorGroup, threading.Event], list[Callable[[], None]]]
    ) -> None:
        """`works` returns the functions for the threads of a pass, as `ExecutionBackend.pass_works`."""
        self._works = works
        self._threads: list[threading.Thread] = []
        self._given_up = threading.Event()
        self.begun = 0
        self.last_error: str | None = None

    def run(self, left: RemainingWork, actor_group: ActorGroup) -> Iterator[None]:
        """Begin a pass over the remaining work, and yield every `TICK_SECONDS` until it has ended.

        The threads of a generator that is not exhausted work on until `give_up`.
        """
        given_up = self._given_up = threading.Event()
        works = self._works(left, actor_group, given_up)
        self.begun += bool(works)
        threads = [
            threading.Thread(target=self._carry_out, args=(work,), name="pass", daemon=True) for work in works
        ]
        # A thread of an earlier pass may still be inside Ray.
        self._threads = [*filter(threading.Thread.is_alive, self._threads), *threads]
        for thread in threads:
            thread.start()
        while alive := [thread for thread in threads if thread.is_alive()]:
            yield
            alive[0].join(TICK_SECONDS)

    def give_up(self) -> None:
        """Have the threads leave their work, and wait for them.

        Ray ends this process if a thread is still inside Ray when the session ends.
        """
        self._given_up.set()
        for thread in self._threads:
            thread.join(GIVE_UP_SECONDS)

    def _carry_out(self, work: Callable[[], None]) -> None:
        try:
            work()
        except PassAbandoned:
            log.info("a pass was given up")
        except Exception as error:  # noqa: BLE001 the next round redoes what a broken pass leaves missing
            self.last_error = (str(error).strip() or repr(error)).splitlines()[-1][:MAX_ERROR_LENGTH]
            log.warning("a pass broke: %s", error)
