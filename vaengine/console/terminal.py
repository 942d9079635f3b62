"""Writes to a terminal that may be closed while the command goes on."""

from __future__ import annotations

import errno
import io
import sys
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

# DECTCEM: live bars hide the cursor, and a process that is stopped or ended cannot show it again.
SHOW_CURSOR: Final = "\x1b[?25h"
CLEAR_LINE: Final = "\r\x1b[K"


class TerminalOutput(io.FileIO):
    """Output to a terminal that drops what is written after the terminal was closed.

    The system reports that by EIO for each write.
    """

    def write(self, data: Buffer, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return memoryview(data).nbytes


def outlive_terminal() -> None:
    """Let this process go on printing without an error after its terminal is closed."""
    sys.stdout, sys.stderr = _outliving_stream(sys.stdout), _outliving_stream(sys.stderr)


def _outliving_stream(stream: TextIO) -> TextIO:
    if not stream.isatty():
        return stream
    stream.flush()
    raw = TerminalOutput(stream.fileno(), "wb", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding=stream.encoding, errors=stream.errors, line_buffering=True
    )


def leave_line() -> None:
    """Move the cursor below what a live display has drawn, and show it."""
    _control(f"{SHOW_CURSOR}\n")


def clear_line() -> None:
    """Erase the ^C that a terminal shows when it is typed."""
    _control(CLEAR_LINE)


def _control(codes: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(codes)
        sys.stderr.flush()
