"""Finds the videos that a user's inputs lead to: files, folders, globs, URLs, and lists of these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from schemas.errors import NothingMatched
from schemas.packed import packed
from vaengine.console.units import counted
from vaengine.requests.inputs.distinct_files import Hashes
from vaengine.requests.inputs.folder_walk import Selection
from vaengine.requests.inputs.input_search import InputSearch

MAX_KINDS_SHOWN: Final = 6

__all__ = ["FoundFiles", "Selection", "find_files", "left_alone_text"]


@dataclass(frozen=True, slots=True)
class FoundFiles:
    """The files that were found.

    `paths` are absolute paths and URLs, each file once. `left_alone` counts the other files of the searched
    folders by extension ("" for none).
    """

    paths: Sequence[str]
    left_alone: Mapping[str, int]


def find_files(inputs: Sequence[str], selection: Selection | None = None) -> FoundFiles:
    """The files that `inputs` lead to, in the given order, and by name within a folder.

    An input is a file (any extension), a folder (searched recursively for names of videos in any letter case,
    or for what `selection` takes), a glob (`**` crosses folders), a URL of any of these, or a list: text
    (`.txt`, `.lst`, or `-` for standard input) or Parquet. A text list has one path a line, relative to the
    list; `#` begins a comment line. Raises `UsageError` for a named path that is missing, `NothingMatched`
    when nothing was found at all. A million paths take a few seconds and 20 MB.
    """
    search, hashes = InputSearch(selection or Selection()), Hashes()
    found = packed(hashes.added(search.files_of(inputs)))
    paths = hashes.first_of_each(found, search.real_path)
    left_alone = search.left_alone.by_suffix(hashes)
    if not paths:
        raise NothingMatched(", ".join(inputs), f" ({left_alone_text(left_alone)})" if left_alone else "")
    return FoundFiles(paths, left_alone)


def left_alone_text(left_alone: Mapping[str, int]) -> str:
    """`3 other files left alone: 2 .insv, 1 .wav; name them, or use --all-media`; empty for none."""
    if not left_alone:
        return ""
    kinds = [
        f"{count:,} {suffix or 'without an extension'}"
        for suffix, count in list(left_alone.items())[:MAX_KINDS_SHOWN]
    ]
    more = sum(list(left_alone.values())[MAX_KINDS_SHOWN:])
    total = counted(sum(left_alone.values()), "other file")
    return (
        f"{total} left alone: {', '.join([*kinds, *([f'{more:,} more'] if more else [])])}; name them, or "
        "use --all-media"
    )
