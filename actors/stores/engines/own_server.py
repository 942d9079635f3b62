"""Finds the password of a server that `vaengine db start` made; addresses are kept and shown without it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

PASSWORD_FILE: Final = "password"  # of the database's user, beside the data; readable by the owner alone
# PostgreSQL's own, in the data: the process on its first line, the port on its fourth.
PID_FILE: Final = "postmaster.pid"
USER: Final = "vaengine"

_LOOPBACK: Final = ("127.0.0.1", "localhost")  # such a server listens nowhere else


def own_password(host: str | None, port: int | str | None, user: str | None) -> str | None:
    """The password of our server at this address; None where there is none, or this user may not read it."""
    if host not in _LOOPBACK or user != USER:
        return None
    with suppress(OSError):  # a server's of another user
        return next(
            (
                (data.parent / PASSWORD_FILE).read_text()
                for data in _data_folders()
                if _port_of(data) == str(port)
            ),
            None,
        )
    return None


def _data_folders() -> Iterator[Path]:
    """The data folders of the PostgreSQL servers that run on this machine."""
    for process in psutil.process_iter(["name", "cmdline"]):
        command = process.info["cmdline"] or []
        if process.info["name"] == "postgres" and "-D" in command[:-1]:
            yield Path(command[command.index("-D") + 1])


def _port_of(data: Path) -> str | None:
    """The port of the server of a data folder; None where this user may not read it."""
    try:
        return (data / PID_FILE).read_text().splitlines()[3].strip()
    except (OSError, IndexError):
        return None
