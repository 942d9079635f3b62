"""Checks whether the path of Ray's sockets fits into its limit."""

from __future__ import annotations

import os
from typing import Final

from schemas.errors import TempFolderTooLong

MAX_SOCKET_BYTES: Final = 107  # Of sockaddr_un's `sun_path` on Linux, without the NUL at its end.
SESSION_SOCKET: Final = "/ray/session_2026-01-02_03-04-05_678901_1234567/sockets/plasma_store"


def require_short_temp_folder() -> None:
    """Raises `TempFolderTooLong` where the path of a Ray session's sockets would be too long.

    Ray takes RAY_TMPDIR, else TMPDIR on Linux, else /tmp (`ray._private.utils.get_user_temp_dir`).
    """
    name, folder = next(
        ((name, os.environ[name]) for name in ("RAY_TMPDIR", "TMPDIR") if os.environ.get(name)), ("", "")
    )
    max_bytes = MAX_SOCKET_BYTES - len(SESSION_SOCKET)
    if len(os.fsencode(folder)) > max_bytes:
        raise TempFolderTooLong(name, folder, max_bytes)
