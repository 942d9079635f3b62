"""The facts of a source that tell its states apart: size, time, version."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from actors.sources.access import requested
from actors.sources.file_system import file_system_of
from schemas.errors import NoByteRanges, Unreadable
from schemas.media.video import Video
from schemas.paths import is_url

_VERSION_NAMES: Final = ("ETag", "etag", "generation", "VersionId")
_TIME_NAMES: Final = ("LastModified", "Last-Modified", "updated", "mtime")


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """Size in bytes, modification time in nanoseconds since 1970, and version.

    While all stay the same, so does the content. `version` is what a server calls the state of an object,
    such as its ETag; it is empty for a file. The time is 0 where a server does not say it.
    """

    size_bytes: int
    mtime_ns: int
    version: str = ""


def facts_of(location: str) -> SourceFacts:
    """The facts of a file or object.

    Raises `OSError` for a file, and for a URL what `requested` raises and `NoByteRanges`.
    """
    if is_url(location):
        return facts_from(location, requested(location, lambda: file_system_of(location).info(location)))
    status = os.stat(location)  # noqa: PTH116
    return SourceFacts(status.st_size, status.st_mtime_ns)


def known_facts(video: Video) -> SourceFacts:
    """The facts of a video's file when it was probed."""
    return SourceFacts(video.size_bytes, video.mtime_ns, video.version)


def facts_from(url: str, info: Mapping[str, Any]) -> SourceFacts:
    """Facts from what a file system says of an object; raises `NoByteRanges`, `Unreadable`."""
    if info.get("type") == "directory":
        raise Unreadable(url, "it is a folder")
    if info.get("size") is None:
        raise NoByteRanges(url, "it does not say how long the file is")
    version = next((str(info[name]) for name in _VERSION_NAMES if info.get(name)), "")
    changed = next((info[name] for name in _TIME_NAMES if info.get(name)), None)
    return SourceFacts(int(info["size"]), _nanoseconds(changed), version)


def _nanoseconds(at: datetime | str | None) -> int:
    """Nanoseconds since 1970 of a time in any of the forms that servers use; 0 where it is unknown."""
    if isinstance(at, str):
        text, at = at, None
        with suppress(ValueError, TypeError):
            at = datetime.fromisoformat(text) if text[:4].isdigit() else parsedate_to_datetime(text)
    return int(at.timestamp()) * 1_000_000_000 + at.microsecond * 1000 if at else 0
