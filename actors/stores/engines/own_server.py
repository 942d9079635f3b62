"""The password of a server that `vaengine db start` made; addresses are kept and shown without it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

PASSWORD: Final = "password"  # of the database's user, beside the data; readable by the owner alone
# PostgreSQL's own, in the data: the process on its first line, the port on its fourth.
PIDS: Final = "postmaster.pid"
USER: Final = "vaengine"

_LOOPBACK: Final = ("127.0.0.1", "localhost")  # such a server listens nowhere else


def own_password(host: str | None, port: int | str | None, user: str | None) -> str | None:
    """The password of the server of ours that listens at this address; None where there is none that this
    user may read.
    """
    if host not in _LOOPBACK or user != USER:
        return None
    with suppress(OSError):  # a server's of another user
        return next(
            ((data.parent / PASSWORD).read_text() for data in _data_folders() if _port_of(data) == str(port)),
            None,
        )
    return None


def _data_folders() -> Iterator[Path]:
    """Where the PostgreSQL servers of this machine have their data."""
    for process in psutil.process_iter(["name", "cmdline"]):
        command = process.info["cmdline"] or []
        if process.info["name"] == "postgres" and "-D" in command[:-1]:
            yield Path(command[command.index("-D") + 1])


def _port_of(data: Path) -> str | None:
    """The port of the server at work on `data`; None where this user may not know."""
    try:
        return (data / PIDS).read_text().splitlines()[3].strip()
    except (OSError, IndexError):
        return None
