"""The request that a run stops, made by a signal handler or another thread."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator


class StoppedEarly(BaseException):
    """A stop before any chunk was in work. It is no `Exception`: Ray would catch that while it starts."""


class StopRequest:
    """A flag that is false until the first request and true from then on.

    `signal_name` is the signal of the first request.
    """

    def __init__(self) -> None:
        self.signal_name: str | None = None
        self._interruptible = False

    def __bool__(self) -> bool:
        return self.signal_name is not None

    def request(self, signal_name: str) -> None:
        """Request the stop, from a signal handler or any thread.

        On the main thread inside `interruptible` it raises `StoppedEarly`.
        """
        self.signal_name = self.signal_name or signal_name
        if self._interruptible and threading.current_thread() is threading.main_thread():
            self._interruptible = False
            raise StoppedEarly

    @contextlib.contextmanager
    def interruptible(self) -> Iterator[None]:
        """A context for long waits while no chunk is in work: a stop ends it at once by `StoppedEarly`.

        After a stop it raises `StoppedEarly` at its beginning.
        """
        if self:
            raise StoppedEarly
        self._interruptible = True
        try:
            yield
        finally:
            self._interruptible = False
