"""Ctrl-C and SIGTERM: the first finishes what is in work, a second ends the process at once."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Final

EXIT_CODES: Final = {"SIGINT": 130, "SIGTERM": 143}  # 128 + the signal's number, as shells have it
SAME_SECONDS: Final = 0.5  # within which a signal that comes twice was sent once: to a whole group, whose parent passes its own copy on


class Signals:
    """Carries the two signals to a run; a context manager that puts the handlers there before back.

    Until `deliver_to` names a run, a signal ends the process with its exit code. `rearm` is for after `ray.init`, which replaces the
    SIGTERM handler.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._received_s = clock, 0.0
        self.received: str | None = None
        self._stop: Callable[[str], None] | None = None
        self._before: dict[str, object] = {}

    def deliver_to(self, stop: Callable[[str], None]) -> None:
        self._stop = stop

    def rearm(self) -> None:
        """Take the signals again; does nothing outside the main thread, which alone may."""
        if threading.current_thread() is threading.main_thread():
            for name in EXIT_CODES:
                signal.signal(signal.Signals[name], self._handle)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        name, at_s = signal.Signals(number).name, self._clock()
        if name == self.received and at_s - self._received_s < SAME_SECONDS:
            return
        if self.received is not None:
            os._exit(EXIT_CODES[name])  # asked twice: no clean-up, whose hanging may be the very reason
        self.received, self._received_s = name, at_s
        if self._stop is None:
            raise SystemExit(EXIT_CODES[name])
        self._stop(name)

    def __enter__(self) -> Signals:
        self._before = {name: signal.getsignal(signal.Signals[name]) for name in EXIT_CODES}
        self.rearm()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for name, handler in self._before.items():
            signal.signal(signal.Signals[name], handler)  # type: ignore[arg-type]
