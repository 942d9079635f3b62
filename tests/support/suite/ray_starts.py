"""How often the suite starts Ray, in its own processes and in commands: counted, printed, and bounded."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

# Each start of Ray makes a folder `ray/session_TIME_PID` in it, whoever starts it.
FOLDER: Final = "RAY_TMPDIR"
SESSIONS: Final = "ray/session_2*"  # not the link to the newest one


class RayStarts:
    """A folder for all of Ray's sessions; more of them than `at_most` fail the suite.

    It goes when the suite ends.
    """

    def __init__(self, at_most: int) -> None:
        self._at_most = at_most
        self._folder = Path(tempfile.mkdtemp(prefix="va-"))  # short: sockets lie deep below it
        os.environ[FOLDER] = str(self._folder)  # for workers and commands too

    @property
    def number(self) -> int:
        return sum(path.is_dir() for path in self._folder.glob(SESSIONS))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.number > self._at_most and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        is_too_many = self.number > self._at_most
        terminalreporter.write_line(
            f"Ray was started {self.number} times, of {self._at_most} allowed", red=is_too_many
        )

    @pytest.hookimpl(wrapper=True)
    def pytest_unconfigure(self) -> Iterator[None]:
        try:
            return (yield)
        finally:
            del os.environ[FOLDER]
            shutil.rmtree(self._folder, ignore_errors=True)
