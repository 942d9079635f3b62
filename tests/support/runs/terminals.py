"""A terminal with an interactive shell in it, as a person has it: what is typed, what is on the screen,
and the window's end.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import termios
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

from tests.support.runs import commands

CTRL_C, CTRL_Z = "\x03", "\x1a"
CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
SIZE = (24, 80)  # lines, columns
PROMPT = "ready> "

# What the real program does when it is started without work: it looks at the terminal that is its standard
# input, and sets it.
STAND_IN = """#!/bin/sh
echo "$$" >>"$FFMPEG_TOLD"
[ -t 0 ] && stty -icanon -echo min 1 time 0 && stty icanon echo
echo "$$ ended" >>"$FFMPEG_TOLD"
exit 1
"""


class Terminal:
    """A pseudo-terminal whose shell has job control; whatever still runs in it ends with it."""

    def __init__(self, env: Mapping[str, str] | None = None) -> None:
        shell = shutil.which("bash")
        assert shell is not None, "a shell with job control"
        self._text, self._seen = "", 0  # all that was shown, and how much of it was waited for
        environment = {**(env or os.environ), "TERM": "xterm-256color", "PS1": PROMPT, "HISTFILE": ""}
        self.pid, self._master = pty.fork()
        if self.pid == 0:
            os.execve(shell, [shell, "--norc", "--noprofile", "-i"], environment)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", *SIZE, 0, 0))
        self._closing, self._close = os.pipe()
        self._open = [self._master, self._closing, self._close]
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.wait_for(PROMPT)

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def enter(self, *words: object) -> None:
        """A command line."""
        self.type(" ".join(map(str, words)) + "\n")

    def wait_for(self, said: str, seconds: float = commands.PATIENCE_S) -> str:
        """All that has been shown up to this text, which is looked for once: the next call looks behind
        it.
        """
        deadline = time.monotonic() + seconds
        while (at := (plain := CONTROLS.sub("", self._text)).find(said, self._seen)) < 0:
            assert time.monotonic() < deadline, (
                f"{seconds:.0f} s without {said!r}; shown was:\n{plain}\n{self.processes()}"
            )
            time.sleep(0.02)
        before, self._seen = self._seen, at + len(said)
        return plain[before:at]

    def code(self, seconds: float = commands.PATIENCE_S) -> tuple[int, str]:
        """Exit code of the command that was entered, once the shell is back, and all that was shown until
        then.
        """
        self.enter(r"echo co''de=$?.")
        shown = self.wait_for("code=", seconds)
        return int(self.wait_for(".")), shown

    def child(self) -> psutil.Process | None:
        """The process that the shell waits for."""
        return next(iter(psutil.Process(self.pid).children()), None)

    def processes(self) -> str:
        """Those of the terminal, with what they do."""
        below = psutil.Process(self.pid).children(recursive=True)
        return "\n".join(f"{one.pid} {one.status()} {commands.command_line(one)[:90]}" for one in below)

    def close(self) -> None:
        """Close the window: the system sends SIGHUP, and nothing can be shown any more."""
        if self._open:
            os.write(self._close, b".")  # a read that waits would keep it open
            self._reader.join()
        while self._open:
            os.close(self._open.pop())

    def end(self) -> None:
        """Close it and see that nothing is left of it."""
        left = psutil.Process(self.pid).children(recursive=True)
        self.close()
        _, remain = psutil.wait_procs(left, timeout=30)
        alive = [process for process in remain if not _has_ended(process)]
        for process in alive:
            process.kill()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        assert not alive, f"left behind: {alive}"

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # EIO at the end
            while self._closing not in select.select([self._master, self._closing], [], [])[0]:
                data = os.read(self._master, 65536)
                self._text += data.decode(errors="replace")


def with_ffmpeg(folder: Path) -> dict[str, str]:
    """An environment in which a program called ffmpeg is found first; it notes each start and each end in
    `ffmpeg_told`.
    """
    program = folder / "bin" / "ffmpeg"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(STAND_IN)
    program.chmod(0o755)
    path = os.pathsep.join((str(program.parent), str(commands.VAENGINE.parent), os.environ["PATH"]))
    return {**os.environ, "PATH": path, "FFMPEG_TOLD": str(folder / "ffmpeg_told")}


def _has_ended(process: psutil.Process) -> bool:
    """Whether it runs no more: gone, or left to a container's first process, which may never ask for its
    exit code.
    """
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
