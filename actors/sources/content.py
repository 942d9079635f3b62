"""The fingerprint of a file's content, and whether the content has changed."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import Final

from actors.sources.facts import SourceFacts, facts_of
from actors.sources.ranged_file import RangedFile
from schemas.errors import EmptyFile, SourceUnavailable, Unreadable
from schemas.paths import is_url

# A remote file up to this size has the fingerprint that it would have on a disk.
WHOLE_BYTES: Final = 8 << 20
# Of a larger one: so much of both ends, which hold the headers and indexes of containers, and some samples.
END_BYTES: Final = 1 << 20
SAMPLES: Final = 8
SAMPLE_BYTES: Final = 64 << 10
_SAMPLED: Final = b"vaengine: size, ends and samples, 1\n"


def fingerprint_of(location: str) -> str:
    """The sha256 (hex) of the content, of samples of it where it is remote and large.

    Raises `EmptyFile`, `Unreadable`, and for a URL `FileChanged` and `SourceUnavailable`.
    """
    if is_url(location):
        return _remote_fingerprint(location)
    try:
        status = os.stat(location)  # noqa: PTH116  # one call for kind, size and time
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable(
                location, "it is a folder" if stat.S_ISDIR(status.st_mode) else "it is no ordinary file"
            )
        if status.st_size == 0:
            raise EmptyFile(location)
        with Path(location).open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except OSError as error:
        raise Unreadable(location, error.strerror or str(error)) from error


def _remote_fingerprint(url: str) -> str:
    with RangedFile(url) as file:
        if not file.size_bytes:
            raise EmptyFile(url)
        if file.size_bytes <= WHOLE_BYTES:
            return hashlib.sha256(file.read()).hexdigest()
        digest = hashlib.sha256(_SAMPLED + file.size_bytes.to_bytes(8, "big"))
        digest.update(file.read(END_BYTES))
        for start in sample_starts(file.size_bytes):
            digest.update(file.read_range(start, start + SAMPLE_BYTES))
        file.seek(file.size_bytes - END_BYTES)
        digest.update(file.read())
        return digest.hexdigest()


def sample_starts(size_bytes: int) -> list[int]:
    """Where the samples of a large file begin: evenly between its ends."""
    step = (size_bytes - 2 * END_BYTES) // (SAMPLES + 1)
    return [END_BYTES + number * step for number in range(1, SAMPLES + 1)]


def is_changed(location: str, known: SourceFacts, fingerprint: str) -> bool:
    """Whether the content of a file differs from what was read.

    False where the file is gone or unreadable. The file is read again only where its facts have changed: to
    touch a file is not to change it.
    """
    try:
        return facts_of(location) != known and fingerprint_of(location) != fingerprint
    except EmptyFile:
        return True
    except (OSError, Unreadable, SourceUnavailable):
        return False
