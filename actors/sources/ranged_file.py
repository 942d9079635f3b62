"""A remote file that is read by byte ranges, as a binary file for demuxers."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

from actors.sources.access import ShortAnswer, requested
from actors.sources.block_cache import BLOCK_BYTES, SHARED, BlockCache
from actors.sources.facts import SourceFacts, facts_from
from actors.sources.file_system import GOOGLE, WEB, file_system_of
from schemas.errors import FileChanged, VideoError
from schemas.paths import scheme_of


class RangedFile(io.RawIOBase):
    """One version of a remote file; another version in its place is `FileChanged`.

    `name` is its URL. Seeking asks nothing of the server and never raises: a demuxer would go on for ever.
    Reading raises what `requested` raises; the first such error stays in `error`, since a demuxer may take
    it for the end of the file.
    """

    def __init__(self, url: str, cache: BlockCache | None = None) -> None:
        super().__init__()
        self.name, self._cache = url, SHARED if cache is None else cache
        self._file, self.facts = requested(url, lambda: _opened(url))
        self._at = 0
        self._wanted: frozenset[int] | None = None  # blocks to be fetched; None for all
        self.error: VideoError | None = None

    @property
    def size_bytes(self) -> int:
        return self.facts.size_bytes

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at}.get(whence, self.size_bytes)
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def read(self, size: int = -1, /) -> bytes:
        left = max(0, self.size_bytes - self._at)
        wanted = left if size is None or size < 0 else min(size, left)
        parts: list[bytes] = []
        while wanted > 0:
            number, offset = divmod(self._at, self._cache.block_bytes)
            part = self._block(number)[offset : offset + wanted]
            parts.append(part)
            self._at += len(part)
            wanted -= len(part)
        return b"".join(parts)

    def leave_out_all_but(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Reads zeros from now on, except for blocks that touch one of the ranges `[start, stop)`.

        For a demuxer that knows already where every packet lies, and is asked for their times alone.
        """
        size = self._cache.block_bytes
        self._wanted = frozenset(
            number for start, stop in ranges for number in range(start // size, -(-stop // size))
        )

    def read_range(self, start: int, stop: int) -> bytes:
        """Bytes `[start, stop)`, past the cache."""
        try:
            return requested(self.name, lambda: self._fetch(start, min(stop, self.size_bytes)))
        except VideoError as error:
            self.error = self.error or error
            raise

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()

    def _block(self, number: int) -> bytes:
        size = self._cache.block_bytes
        if self._wanted is not None and number not in self._wanted:
            return bytes(size)
        start = number * size
        return self._cache.block(
            (self.name, self.facts), number, lambda: self.read_range(start, start + size)
        )

    def _fetch(self, start: int, stop: int) -> bytes:
        self._file.seek(start)
        data = bytes(self._file.read(stop - start))
        if len(data) != stop - start:
            raise ShortAnswer(f"{len(data)} of {stop - start} bytes came")
        return data


def _opened(url: str) -> tuple[Any, SourceFacts]:
    """fsspec's file without a cache of its own, and the facts of the version that it reads."""
    system = file_system_of(url)
    if scheme_of(url) in WEB:
        info = system.info(url)
        facts = facts_from(url, info)
        options = {"size": facts.size_bytes, "headers": _only_this_version(facts.version)}
        return system.open(url, "rb", block_size=BLOCK_BYTES, cache_type="none", **options), facts
    if scheme_of(url) == GOOGLE:
        info = system.info(url)
        return _Generation(url, info.get("generation")), facts_from(url, info)
    file = system.open(url, "rb", block_size=BLOCK_BYTES, cache_type="none")  # s3fs holds on to a version
    return file, facts_from(url, file.details)


class _Generation:
    """One generation of an object of Google's; gcsfs's own file reads whichever is there at the moment."""

    def __init__(self, url: str, generation: str | None) -> None:
        self._url, self._generation, self._at = url, generation, 0

    def seek(self, offset: int) -> None:
        self._at = offset

    def read(self, size: int) -> bytes:
        """Raises `FileChanged` where the generation is gone."""
        wanted = {"start": self._at, "end": self._at + size, "generation": self._generation}
        try:
            return bytes(file_system_of(self._url).cat_file(self._url, **wanted))
        except FileNotFoundError as error:
            raise FileChanged(self._url) from error

    def close(self) -> None:
        """Nothing is open between two reads."""


def _only_this_version(version: str) -> dict[str, str]:
    """Headers with which a server refuses another version; a weak ETag matches nothing (RFC 9110, 13.1.1)."""
    return {"If-Match": version} if version and not version.startswith("W/") else {}
