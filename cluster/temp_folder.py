"""Whether Ray can put its sockets where temporary files go."""

from __future__ import annotations

import os
from typing import Final

from schemas.errors import TempFolderTooLong

SOCKET_BYTES: Final = 107  # of sockaddr_un's `sun_path` on Linux, without the NUL at its end
SESSION_SOCKET: Final = "/ray/session_2026-01-02_03-04-05_678901_1234567/sockets/plasma_store"


def require_short_temp_folder() -> None:
    """Raises `TempFolderTooLong` where the path of a Ray session's sockets would be longer than a socket's
    may be.

    Ray takes RAY_TMPDIR, else TMPDIR on Linux, else /tmp (`ray._private.utils.get_user_temp_dir`).
    """
    name, folder = next(
        ((name, os.environ[name]) for name in ("RAY_TMPDIR", "TMPDIR") if os.environ.get(name)), ("", "")
    )
    most = SOCKET_BYTES - len(SESSION_SOCKET)
    if len(os.fsencode(folder)) > most:
        raise TempFolderTooLong(name, folder, most)
