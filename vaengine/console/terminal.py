"""The terminal that a command writes to, which may be closed while the command goes on."""

from __future__ import annotations

import errno
import io
import sys
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

SHOW_CURSOR: Final = (
    "\x1b[?25h"  # DECTCEM: live bars hide it, and a process that is stopped or ended cannot show it again
)
CLEAR_LINE: Final = "\r\x1b[K"


class TerminalOutput(io.FileIO):
    """Output to a terminal; what is written after the terminal was closed is dropped.

    The system says so by EIO, for each write.
    """

    def write(self, data: Buffer, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return memoryview(data).nbytes


def outlive_terminal() -> None:
    """From now on a terminal that is closed is no error for what this process prints."""
    sys.stdout, sys.stderr = _outliving(sys.stdout), _outliving(sys.stderr)


def _outliving(stream: TextIO) -> TextIO:
    if not stream.isatty():
        return stream
    stream.flush()
    raw = TerminalOutput(stream.fileno(), "wb", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding=stream.encoding, errors=stream.errors, line_buffering=True
    )


def leave_line() -> None:
    """Put the cursor, visible, below what a live display has drawn."""
    _control(f"{SHOW_CURSOR}\n")


def clear_line() -> None:
    """Take back the ^C that a terminal shows where it was typed."""
    _control(CLEAR_LINE)


def _control(codes: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(codes)
        sys.stderr.flush()
