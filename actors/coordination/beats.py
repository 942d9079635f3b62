"""A thread that shows that its process lives, and ends the process once its work was taken from it."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable


def end_this_process() -> None:
    """End this process at once, even where its main thread waits for an answer that was lost."""
    sys.stderr.write("what this worker held was taken from it: it ends\n")
    sys.stderr.flush()
    os._exit(1)


class Beats:
    """Calls `beat` every `seconds` until it is closed; calls `end` once where `beat` returns True."""

    def __init__(
        self, beat: Callable[[], bool], seconds: float, end: Callable[[], None] = end_this_process
    ) -> None:
        self._beat, self._seconds, self._end = beat, seconds, end
        self._closed = threading.Event()
        threading.Thread(target=self._run, name="heartbeat", daemon=True).start()

    def close(self) -> None:
        """Beat no more."""
        self._closed.set()

    def _run(self) -> None:
        while not self._closed.wait(self._seconds):
            if self._beat():
                self._end()
                return
