"""Writes a file that the user named: complete, or not at all."""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from schemas.errors import DiskFull, UsageError
from schemas.paths import is_url
from vaengine.rendering.source_marks import SourceMark, mark_in

_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def check_target(
    target: Path, *, force: bool, sources: tuple[str, ...] = (), mark: SourceMark | None = None
) -> bool:
    """Whether to write `target`; False if its `mark` says that it already shows the same.

    A picture of the same kind that was drawn from other results is written again. Raises `UsageError` for
    another file that is not to be replaced, for a folder, and for one of the `sources`.
    """
    local = (source for source in sources if not is_url(source))
    if any(Path(source).exists() and target.exists() and target.samefile(source) for source in local):
        raise UsageError(f"{target} is the video itself: write to another file with -o")
    if target.is_dir():
        raise UsageError(f"{target} is a folder: name a file in it with -o")
    if force or not target.exists():
        return True
    with output_errors(target):
        existing_mark = mark_in(target)
    if mark is None or not mark.is_successor_of(existing_mark):
        raise UsageError(
            f"{target} is there already: replace it with --force, or write to another file with -o"
        )
    return mark != existing_mark


@contextmanager
def whole_file(target: Path) -> Iterator[BinaryIO]:
    """Context manager that yields a temporary file beside `target`, and moves it there at the end.

    The file is removed on any error, also on Ctrl-C. Makes the folder. Raises `DiskFull`, or `UsageError`
    where the operating system refuses the file.
    """
    temporary = target.with_name(f".{target.name[:100]}.{uuid.uuid4().hex[:12]}.tmp")
    with output_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        file = temporary.open("w+b")
    try:
        with output_errors(target):
            with file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def output_errors(target: Path) -> Iterator[None]:
    """Turns an OSError inside the block into `DiskFull`, or `UsageError` that names another place."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in _NO_ROOM:
            raise DiskFull(str(target), reason) from error
        raise UsageError(f"{target} cannot be written ({reason}): choose another place with -o") from error
