"""A terminal that is closed takes nothing any more, and is no error."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from vaengine.console.terminal import TerminalOutput


def test_what_is_written_to_a_closed_terminal_is_dropped() -> None:
    window, terminal = os.openpty()
    stream = io.TextIOWrapper(
        io.BufferedWriter(TerminalOutput(terminal, "wb", closefd=False)), line_buffering=True
    )
    stream.write("seen\n")
    assert os.read(window, 100) == b"seen\r\n"
    os.close(window)
    with pytest.raises(OSError, match="Input/output error"):
        os.write(terminal, b"x")
    stream.write("unseen\n" * 10_000)
    stream.flush()
    assert not stream.isatty()
    os.close(terminal)


def test_other_errors_are_told() -> None:
    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(OSError, match="No space left"):
        TerminalOutput(full.fileno(), "wb", closefd=False).write(b"x")
