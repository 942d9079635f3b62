"""Stops and continues a process with all its descendants.

A shell's job control reaches only the process group that it knows.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator

import psutil


def stop(pid: int) -> None:
    """Stop a process and all its descendants, also those that it starts meanwhile.

    A server that has left the tree goes on.
    """
    stopped: set[int] = set()
    while fresh := [process for process in _tree(pid) if process.pid not in stopped]:
        for process in fresh:
            _send(process, signal.SIGSTOP)
        stopped.update(process.pid for process in fresh)


def go_on(pid: int) -> None:
    """Continue the stopped processes of a tree, the lowest first.

    A process that waits for an answer of a lower one then finds it there.
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
    # Another user's process cannot be reached; the terminal could not reach it either.
    with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        process.send_signal(number)
