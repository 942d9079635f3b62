"""Paths as people write them."""

from __future__ import annotations

import os
from pathlib import Path


def absolute_path(text: str | os.PathLike[str], base: Path | None = None) -> Path:
    """The absolute path that `text` means, relative to `base` or else to the working directory.

    A leading `~` or `~user` is a home directory. Where there is no such user it is part of the name, as in a
    shell.
    """
    expanded = os.path.expanduser(text)  # noqa: PTH111  pathlib's own raises for an unknown user, though `~clip.mp4` may be a file
    return Path(os.path.normpath((base or Path.cwd()) / expanded))
