"""Whole objects in an object store: written in one request, so that a reader sees all of one or nothing."""

from __future__ import annotations

from typing import Final

from actors.sources.access import requested
from actors.sources.file_system import file_system_of, require_readable_url
from actors.sources.ranged_file import RangedFile
from schemas.errors import NothingThere, StoreUnreachable, UsageError, VideoError
from schemas.paths import scheme_of

WRITABLE: Final = ("s3", "gs")


def require_writable_url(url: str) -> None:
    """Check what can be known of a place for objects without asking its server; raises `UsageError`."""
    if scheme_of(url) not in WRITABLE:
        raise UsageError(
            f"{url} is no place that files can be written to: give an address such as s3://BUCKET/PREFIX "
            f"({', '.join(f'{scheme}://' for scheme in WRITABLE)})"
        )
    require_readable_url(url)


def put_object(url: str, data: bytes) -> None:
    """Replace an object, whole or not at all; raises `StoreUnreachable`."""
    try:
        requested(url, lambda: file_system_of(url).pipe_file(url, data))
    except VideoError as error:
        raise StoreUnreachable(url, _cause(error)) from error


def remove_object(url: str) -> None:
    """Remove an object, if it is there; raises `StoreUnreachable`."""
    try:
        requested(url, lambda: file_system_of(url).rm_file(url))
    except NothingThere:
        return
    except VideoError as error:
        raise StoreUnreachable(url, _cause(error)) from error


def object_tail(url: str, size_bytes: int) -> bytes | None:
    """The last bytes of an object; None where there is none or it cannot be read."""
    try:
        with RangedFile(url) as file:
            return file.read_range(max(0, file.size_bytes - size_bytes), file.size_bytes)
    except VideoError:
        return None


def object_size(url: str) -> int | None:
    """The size of an object in bytes; None where there is none or it cannot be read."""
    try:
        with RangedFile(url) as file:
            return file.size_bytes
    except VideoError:
        return None


def _cause(error: VideoError) -> str:
    return f"{error.args[-1]}; check that the credentials of this machine may write there"
