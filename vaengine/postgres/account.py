"""The system user that runs PostgreSQL's programs.

The programs refuse root, so root runs them as `nobody`. No system user is ever made.
"""

from __future__ import annotations

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = 0
NOBODY: Final = "nobody"
NOBODY_IDS: Final = (65534, 65534)


@dataclass(frozen=True, slots=True)
class Account:
    """A system user by its numbers.

    `borrowed` says that it is not the current user, which only root can have.
    """

    uid: int
    gid: int
    borrowed: bool

    @classmethod
    def here(cls) -> Account:
        """The current user, or `nobody` for root.

        Its usual numbers are used where the system does not know the name.
        """
        if os.geteuid() != ROOT:
            return cls(os.geteuid(), os.getegid(), borrowed=False)
        known = [entry for entry in pwd.getpwall() if entry.pw_name == NOBODY]
        return (
            cls(known[0].pw_uid, known[0].pw_gid, borrowed=True) if known else cls(*NOBODY_IDS, borrowed=True)
        )

    @property
    def options(self) -> dict[str, Any]:
        """Arguments for `subprocess` that run a program as this user."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.borrowed else {}

    def own(self, path: Path) -> None:
        """Make this user the owner of a file or folder."""
        if self.borrowed:
            os.chown(path, self.uid, self.gid)

    def admit(self, folder: Path) -> None:
        """Let this user pass through a folder of root's."""
        if self.borrowed:
            folder.chmod(stat.S_IMODE(folder.stat().st_mode) | stat.S_IXGRP | stat.S_IXOTH)

    def obstacle(self, path: Path) -> Path | None:
        """The first folder on the way to (and at) `path` that is closed to this user.

        None for the current user.
        """
        if not self.borrowed:
            return None
        folders_on_path = [folder for folder in reversed([path, *path.parents]) if folder.is_dir()]
        return next((folder for folder in folders_on_path if not self.passes(folder.stat())), None)

    def passes(self, status: os.stat_result) -> bool:
        """Whether the permissions of a folder let this user through."""
        shift = 6 if status.st_uid == self.uid else 3 if status.st_gid == self.gid else 0
        return bool(status.st_mode >> shift & stat.S_IXOTH)


def owner(path: Path) -> str:
    """Name of the owner of a file or folder."""
    uid = path.stat().st_uid
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
