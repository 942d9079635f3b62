"""What lies below a prefix of an object store, or behind a pattern."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from typing import Any

from actors.sources.access import requested
from actors.sources.file_system import WEB, file_system_of
from schemas.errors import NothingThere
from schemas.paths import name_of, scheme_of


def is_pattern(url: str) -> bool:
    """Whether a URL is a pattern; in a web address `?` and `[` have other meanings."""
    return scheme_of(url) not in WEB and glob.has_magic(url)


def is_prefix(url: str) -> bool:
    """Whether a URL leads to a folder: by its last slash, or by asking its server.

    Raises what `requested` raises.
    """
    if url.endswith("/"):
        return True
    if scheme_of(url) in WEB:
        return False
    info = requested(url, lambda: file_system_of(url).info(url))
    return bool(info["type"] == "directory")


def objects_below(url: str) -> Iterator[str]:
    """URLs of all objects below a prefix by name, a folder's own before those of its subfolders.

    One listing at a time is held. Hidden objects are left out. Raises what `requested` raises.
    """
    entries = sorted(
        (entry for entry in _entries(url) if not name_of(_name(entry)).startswith(".")), key=_name
    )
    yield from (_url(url, entry) for entry in entries if not _is_folder(entry))
    for entry in entries:
        if _is_folder(entry):
            yield from objects_below(_url(url, entry))


def objects_matching(pattern: str) -> list[str]:
    """URLs that a pattern matches, by name, hidden ones aside; none is no error."""
    system = file_system_of(pattern)
    try:
        found = requested(pattern, lambda: system.glob(pattern))
    except NothingThere:
        return []
    shown = (str(name) for name in found if not name_of(str(name)).startswith("."))
    return sorted(_with_scheme(pattern, name) for name in shown)


def _entries(url: str) -> list[dict[str, Any]]:
    prefix = url.rstrip("/")
    listing = url if scheme_of(url) in WEB else prefix
    found = requested(url, lambda: file_system_of(url).ls(listing, detail=True))
    return [entry for entry in found if _url(url, entry).rstrip("/") != prefix]


def _name(entry: dict[str, Any]) -> str:
    return str(entry["name"])


def _is_folder(entry: dict[str, Any]) -> bool:
    return bool(entry["type"] == "directory")


def _url(base: str, entry: dict[str, Any]) -> str:
    return _with_scheme(base, _name(entry))


def _with_scheme(base: str, name: str) -> str:
    """fsspec leaves the scheme of an object store out of names."""
    return name if "://" in name else f"{scheme_of(base)}://{name}"
