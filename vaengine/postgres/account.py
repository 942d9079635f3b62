"""Who runs PostgreSQL's programs: they refuse root, so that root runs them as `nobody`; no user of the
system is ever made.
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
NUMBERS: Final = (65534, 65534)


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the system, by numbers; `borrowed` where it is not the one who asks, which only root can
    do.
    """

    uid: int
    gid: int
    borrowed: bool

    @classmethod
    def here(cls) -> Account:
        """The user; for root `nobody`, by its usual number where a system does not know the name."""
        if os.geteuid() != ROOT:
            return cls(os.geteuid(), os.getegid(), borrowed=False)
        known = [entry for entry in pwd.getpwall() if entry.pw_name == NOBODY]
        return cls(known[0].pw_uid, known[0].pw_gid, borrowed=True) if known else cls(*NUMBERS, borrowed=True)

    @property
    def options(self) -> dict[str, Any]:
        """For `subprocess`, to run a program as this user."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.borrowed else {}

    def own(self, path: Path) -> None:
        """Make a file or folder this user's."""
        if self.borrowed:
            os.chown(path, self.uid, self.gid)

    def admit(self, folder: Path) -> None:
        """Let this user pass a folder of root's."""
        if self.borrowed:
            folder.chmod(stat.S_IMODE(folder.stat().st_mode) | stat.S_IXGRP | stat.S_IXOTH)

    def obstacle(self, path: Path) -> Path | None:
        """The first folder on the way to (and at) `path` that is closed to this user; None where it is
        the one who asks.
        """
        if not self.borrowed:
            return None
        way = [folder for folder in reversed([path, *path.parents]) if folder.is_dir()]
        return next((folder for folder in way if not self.passes(folder.stat())), None)

    def passes(self, facts: os.stat_result) -> bool:
        """Whether the permissions of a folder let this user through."""
        shift = 6 if facts.st_uid == self.uid else 3 if facts.st_gid == self.gid else 0
        return bool(facts.st_mode >> shift & stat.S_IXOTH)


def owner(path: Path) -> str:
    """Name of the user whom a file or folder belongs to."""
    uid = path.stat().st_uid
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
