"""Ctrl-C, SIGTERM and a closed terminal (SIGHUP): the first finishes what is in work, a second ends the
process at once.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Final

EXIT_CODES: Final = {
    "SIGINT": 130,
    "SIGTERM": 143,
    "SIGHUP": 129,
}  # 128 + the signal's number, as shells have it
# within which a signal that comes twice was sent once: to a whole group, whose parent passes its own copy on
SAME_SECONDS: Final = 0.5


class Asks:
    """Tells the first signal, the same one once more, and a second that ends the run at once."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._received_s = clock, 0.0
        self.received: str | None = None

    def first(self, name: str) -> bool:
        """Note a signal; whether it is the first."""
        if self.received is not None:
            return False
        self.received, self._received_s = name, self._clock()
        return True

    def repeats(self, name: str) -> bool:
        """Whether a later signal is the first one once more.

        A session that ends sends SIGTERM and SIGHUP together.
        """
        alike = name == self.received or "SIGHUP" in (name, self.received)
        return alike and self._clock() - self._received_s < SAME_SECONDS


class Signals:
    """Carries these signals to a run; a context manager that puts the handlers there before back.

    Until `deliver_to` names a run, a signal ends the process with its exit code. `rearm` is for after
    `ray.init`, which replaces the SIGTERM handler. SIGHUP stays ignored where it was, as by nohup.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._asks = Asks(clock)
        self._stop: Callable[[str], None] | None = None
        self._before: dict[str, object] = {}

    def deliver_to(self, stop: Callable[[str], None]) -> None:
        self._stop = stop

    def rearm(self) -> None:
        """Take the signals again; does nothing outside the main thread, which alone may."""
        if threading.current_thread() is threading.main_thread():
            for name in self._before:
                signal.signal(signal.Signals[name], self._handle)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        if not self._asks.first(name):
            if self._asks.repeats(name):
                return
            os._exit(EXIT_CODES[name])  # asked twice: no clean-up, whose hanging may be the very reason
        if self._stop is None:
            raise SystemExit(EXIT_CODES[name])
        self._stop(name)

    def __enter__(self) -> Signals:
        before = {name: signal.getsignal(signal.Signals[name]) for name in EXIT_CODES}
        self._before = {
            name: handler for name, handler in before.items() if name != "SIGHUP" or handler != signal.SIG_IGN
        }
        self.rearm()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name, handler in self._before.items():
            signal.signal(signal.Signals[name], handler)  # type: ignore[arg-type]
