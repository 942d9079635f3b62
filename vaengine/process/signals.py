"""Handles Ctrl-C, SIGTERM and a closed terminal (SIGHUP).

The first signal lets a run finish what is in work, a second one ends the process at once. SIGHUP is never a
second one.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Final

# 128 + the number of the signal, as shells have it.
EXIT_CODES: Final = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129}
# A signal that comes twice within this time was sent once, to a group whose parent passes its own copy on.
REPEAT_WINDOW_S: Final = 0.5


class StopSignals:
    """Tells the first stop signal, a repetition of it, and a second one that ends the run at once."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._received_s = clock, 0.0
        self.received: str | None = None

    def first(self, name: str) -> bool:
        """Record a signal; returns whether it is the first."""
        if self.received is not None:
            return False
        self.received, self._received_s = name, self._clock()
        return True

    def repeats(self, name: str) -> bool:
        """Whether a later signal asks for nothing that the first has not asked for.

        Whoever closes a window asks for no haste, and the shell and the system each send SIGHUP, at any
        distance. A session that ends sends SIGTERM with it.
        """
        if name == "SIGHUP":
            return True
        may_repeat = self.received in (name, "SIGHUP")
        return may_repeat and self._clock() - self._received_s < REPEAT_WINDOW_S


class Signals:
    """Context manager that delivers stop signals to a run, and restores the earlier handlers.

    Until `deliver_to` names a run, a signal ends the process with its exit code. `rearm` is for after
    `ray.init`, which replaces the SIGTERM handler. SIGHUP stays ignored where it was, as by nohup.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._stop_signals = StopSignals(clock)
        self._stop: Callable[[str], None] | None = None
        self._handlers_before: dict[str, object] = {}

    def deliver_to(self, stop: Callable[[str], None]) -> None:
        self._stop = stop

    def rearm(self) -> None:
        """Install the handlers again; does nothing outside the main thread, which alone may do so."""
        if threading.current_thread() is threading.main_thread():
            for name in self._handlers_before:
                signal.signal(signal.Signals[name], self._handle)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        if not self._stop_signals.first(name):
            if self._stop_signals.repeats(name):
                return
            os._exit(EXIT_CODES[name])  # second signal: no clean-up, because that may be what hangs
        if self._stop is None:
            raise SystemExit(EXIT_CODES[name])
        self._stop(name)

    def __enter__(self) -> Signals:
        before = {name: signal.getsignal(signal.Signals[name]) for name in EXIT_CODES}
        self._handlers_before = {
            name: handler for name, handler in before.items() if name != "SIGHUP" or handler != signal.SIG_IGN
        }
        self.rearm()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name, handler in self._handlers_before.items():
            signal.signal(signal.Signals[name], handler)  # type: ignore[arg-type]
