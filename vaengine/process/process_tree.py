"""A process and all below it, stopped and continued as one: a shell's job control reaches only the group
that it knows.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator

import psutil


def stop(pid: int) -> None:
    """Stop a process and all below it, also what it starts meanwhile. A server that has left it goes on."""
    stopped: set[int] = set()
    while fresh := [process for process in _tree(pid) if process.pid not in stopped]:
        for process in fresh:
            _send(process, signal.SIGSTOP)
        stopped.update(process.pid for process in fresh)


def go_on(pid: int) -> None:
    """Continue what is stopped of a process and all below it, the lowest first: who waits for an answer
    finds it there.
    """
    for process in reversed(list(_tree(pid))):
        if _is_stopped(process):
            _send(process, signal.SIGCONT)


def _tree(pid: int) -> Iterator[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        yield process
        yield from process.children(recursive=True)


def _is_stopped(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_STOPPED)
    except psutil.NoSuchProcess:
        return False


def _send(process: psutil.Process, number: signal.Signals) -> None:
    with contextlib.suppress(
        psutil.NoSuchProcess, psutil.AccessDenied
    ):  # another user's cannot be reached, as by the terminal itself
        process.send_signal(number)
