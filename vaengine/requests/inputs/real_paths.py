"""Real paths of many files, such as a million in some folders."""

from __future__ import annotations

import functools
import os
from typing import Final

FOLDERS: Final = 4_096  # that are remembered


class RealPaths:
    """`os.path.realpath` that looks a folder up once, not for each of its files."""

    def __init__(self) -> None:
        self._folder = functools.lru_cache(FOLDERS)(_real_start)

    def of(self, path: str) -> str:
        """The path without links in it."""
        if path.endswith(("/", "/.", "/..")) or os.path.islink(path):  # noqa: PTH114 a million of these
            return os.path.realpath(path)
        return self.of_no_link(path)

    def of_no_link(self, path: str) -> str:
        """As `of`, for a path whose last part is a name and no link."""
        folder, _, name = path.rpartition("/")
        return self._folder(folder or "/") + name


def _real_start(folder: str) -> str:
    """What the real paths of a folder's files begin with."""
    return os.path.join(os.path.realpath(folder), "")  # noqa: PTH118
