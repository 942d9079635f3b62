"""Real paths of many files, such as a million in some folders."""

from __future__ import annotations

import functools
import os
from typing import Final

FOLDERS: Final = 4_096  # that are remembered


class RealPaths:
    """`os.path.realpath` that looks a folder up once, not for each of its files."""

    def __init__(self) -> None:
        self._folder = functools.lru_cache(FOLDERS)(os.path.realpath)

    def of(self, path: str) -> str:
        """The path without links in it."""
        if path.endswith(("/", "/.", "/..")) or os.path.islink(path):  # noqa: PTH114 a million of these
            return os.path.realpath(path)
        return self.of_no_link(path)

    def of_no_link(self, path: str) -> str:
        """As `of`, for a path whose last part is a name and no link."""
        folder, name = os.path.split(path)
        return os.path.join(self._folder(folder), name)  # noqa: PTH118
