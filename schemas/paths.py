"""Turns paths as people write them into absolute paths."""

from __future__ import annotations

import os
from pathlib import Path


def absolute_path(text: str | os.PathLike[str], base: Path | None = None) -> Path:
    """The absolute path of `text`, relative to `base` or else to the working directory.

    A leading `~` or `~user` is a home directory. Where there is no such user it is part of the name, as in
    a shell.
    """
    # pathlib's own raises for an unknown user, though `~clip.mp4` may be a file.
    expanded = os.path.expanduser(text)  # noqa: PTH111
    return Path(os.path.normpath((base or Path.cwd()) / expanded))
