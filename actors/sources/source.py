"""Opens what a location leads to."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, cast

from actors.sources.ranged_file import RangedFile
from schemas.paths import is_url


def open_source(location: str) -> BinaryIO:
    """A file or remote file, open for reading; raises `OSError`, or for a URL what `RangedFile` raises."""
    if is_url(location):
        return cast(BinaryIO, RangedFile(location))
    return Path(location).open("rb")
