"""Pictures and previews that were made, in a folder of this user, by the content that they are of."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

MAX_BYTES: Final = 20 * 2**30
_HASH: Final = frozenset("0123456789abcdef")


def media_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder of what was made: `~/.cache/vaengine/media`."""
    return Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vaengine" / "media"


class MediaCache:
    """Files by the fingerprint of a video and a name of ours; what was used longest ago goes first.

    Everything in it can be made again. The folder is this user's alone: it shows what the videos show.
    """

    def __init__(self, folder: Path, max_bytes: int = MAX_BYTES) -> None:
        self._folder, self._max_bytes = folder, max_bytes
        self._lock = threading.Lock()

    def place(self, fingerprint: str, name: str) -> Path:
        """Where a file is, or will be; raises ValueError for what is no fingerprint."""
        if not fingerprint or not _HASH.issuperset(fingerprint):
            raise ValueError(f"no fingerprint: {fingerprint!r}")
        return self._folder / fingerprint[:2] / fingerprint / name

    def found(self, fingerprint: str, name: str) -> Path | None:
        """A file that was made; it counts as used now.

        Its time of modification stays: by that a browser knows that what it has is still the same.
        """
        path = self.place(fingerprint, name)
        try:
            os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))
        except OSError:
            return None
        return path

    def prepare(self, fingerprint: str, name: str) -> Path:
        """Make the folder of a file that is about to be written; returns where it goes."""
        path = self.place(fingerprint, name)
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def prune(self) -> None:
        """Remove what was used longest ago, as long as the folder holds too much."""
        with self._lock:
            entries = sorted(self._entries())
            total = sum(size for _, size, _ in entries)
            for _, size, path in entries:
                if total <= self._max_bytes:
                    return
                path.unlink(missing_ok=True)
                total -= size

    def _entries(self) -> Iterator[tuple[int, int, Path]]:
        """When each file was used, its size, and where it is."""
        for path in self._folder.glob("??/*/*"):
            try:
                facts = path.stat()
            except OSError:
                continue  # somebody else has removed it
            yield facts.st_atime_ns, facts.st_size, path
