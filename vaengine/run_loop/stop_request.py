"""The wish that a run stops: set by a signal handler or another thread, seen by whoever works on the run."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator


class StoppedEarly(BaseException):
    """A stop before anything was in work; no `Exception`, which Ray would catch while it starts."""


class StopRequest:
    """Nobody has asked at first. `signal_name` says who asked first; once true, it stays true."""

    def __init__(self) -> None:
        self.signal_name: str | None = None
        self._interruptible = False

    def __bool__(self) -> bool:
        return self.signal_name is not None

    def request(self, signal_name: str) -> None:
        """Ask for the stop.

        Safe in a signal handler and in any thread; raises `StoppedEarly` out of `interruptible`.
        """
        self.signal_name = self.signal_name or signal_name
        if self._interruptible and threading.current_thread() is threading.main_thread():
            self._interruptible = False
            raise StoppedEarly

    @contextlib.contextmanager
    def interruptible(self) -> Iterator[None]:
        """For a long wait while nothing is in work: a stop ends it at once, or keeps it from beginning,
        by `StoppedEarly`.
        """
        if self:
            raise StoppedEarly
        self._interruptible = True
        try:
            yield
        finally:
            self._interruptible = False
