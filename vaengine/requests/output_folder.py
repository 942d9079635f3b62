"""Checks and makes the results folder, before anything is started or stored."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from schemas.errors import OutputUnusable
from schemas.redaction import is_storable, storable


def require_output_folder(folder: Path) -> None:
    """Check that `folder` is there or can be made, and can be written to; makes nothing.

    Raises `OutputUnusable`.
    """
    if not is_storable(str(folder)):
        raise OutputUnusable(storable(str(folder)), "its name is not UTF-8, which no store can hold")
    try:
        nearest = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
    except OSError as error:
        raise OutputUnusable(str(folder), _cause(error)) from error
    if not nearest.is_dir():
        raise OutputUnusable(
            str(folder), f"{'it' if nearest == folder else nearest} is {_kind_of_path(nearest)}, not a folder"
        )
    too_long = [part for part in folder.parts if len(os.fsencode(part)) > os.pathconf(nearest, "PC_NAME_MAX")]
    if too_long:
        raise OutputUnusable(
            str(folder), _cause(OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG)))
        )
    if not os.access(nearest, os.W_OK | os.X_OK):
        read_only = os.statvfs(nearest).f_flag & os.ST_RDONLY
        raise OutputUnusable(
            str(folder),
            f"{nearest} {'is on a read-only file system' if read_only else 'may not be written to'}",
        )


def make_output_folder(folder: Path) -> None:
    """Make the results folder; raises `OutputUnusable`."""
    require_output_folder(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputUnusable(str(folder), _cause(error)) from error


def _kind_of_path(path: Path) -> str:
    return "a file" if path.is_file() else "a broken link" if path.is_symlink() else "something else"


def _cause(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
