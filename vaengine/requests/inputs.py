"""Finds the videos that a user's inputs lead to: files, folders, globs, URLs, and lists of these."""

from __future__ import annotations

import glob
import logging
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import chain
from pathlib import Path
from typing import Final, NamedTuple

from schemas.errors import NothingMatched, UsageError, VideoError
from schemas.packed import packed
from schemas.paths import absolute_location, absolute_text, is_url
from vaengine.console.standard_input import read_standard_input
from vaengine.console.units import counted
from vaengine.requests.distinct_files import Hashes
from vaengine.requests.folder_walk import Found, Selection, Walk
from vaengine.requests.path_lists import Entry, entries_of, is_list, lines_of, text_entries
from vaengine.requests.real_paths import RealPaths
from vaengine.requests.remote_inputs import urls_of

STDIN: Final = "-"
MAX_KINDS_SHOWN: Final = 6

__all__ = ["FoundFiles", "Selection", "find_files", "fits", "left_alone_text"]

log = logging.getLogger("vaengine")


class NamedInput(NamedTuple):
    """One path, URL, folder or pattern as it was given, and its absolute path or URL.

    `source` is "LIST:LINE" if it came from a list.
    """

    text: str
    location: str
    source: str = ""

    def fault(self, cause: str) -> UsageError:
        return UsageError(
            f"{self.source}: {self.location} {cause}" if self.source else f"{self.text} {cause}"
        )


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
    walk, real_paths, hashes = Walk(selection or Selection()), RealPaths(), Hashes()
    found = packed(chain.from_iterable(_found_paths(inputs, walk, real_paths, hashes)))
    paths = hashes.first_of_each(found, lambda path: path if is_url(path) else real_paths.of(path))
    left_alone = walk.left_alone.by_suffix(hashes)
    if not paths:
        raise NothingMatched(", ".join(inputs), f" ({left_alone_text(left_alone)})" if left_alone else "")
    return FoundFiles(paths, left_alone)


def _found_paths(
    inputs: Sequence[str], walk: Walk, real_paths: RealPaths, hashes: Hashes
) -> Iterator[Sequence[str]]:
    """Paths as they are found, of one file perhaps several; `hashes` gets the hash of each real path."""
    for named in _named_inputs(inputs):
        count = 0
        for found in _files_named(named, walk, real_paths):
            count += len(found.paths)
            hashes.add(found.real_paths)
            yield found.paths
        if not count and _is_pattern(named):
            log.warning("%s matches nothing", named.text)


def _is_pattern(named: NamedInput) -> bool:
    return glob.has_magic(named.text) and (is_url(named.location) or not Path(named.location).exists())


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


def _named_inputs(inputs: Sequence[str]) -> Iterator[NamedInput]:
    here = str(Path.cwd())
    for text in inputs:
        location = _location(text, here)
        if text == STDIN:
            yield from _listed(text_entries(lines_of(read_standard_input())), here, "standard input")
        elif is_list(location) and (is_url(location) or Path(location).is_file()):
            yield from _listed(entries_of(location), location.rpartition("/")[0] or "/", text)
        else:
            yield NamedInput(text, location)


def _listed(entries: Iterable[Entry], base: str, source: str) -> Iterator[NamedInput]:
    return (NamedInput(text, _location(text, base), f"{source}:{number}") for number, text in entries)


def _location(text: str, base: str) -> str:
    """The absolute path or URL of a text; `base` is what it is relative to, a folder or the URL of one."""
    if is_url(text):
        return absolute_location(text)
    return f"{base}/{text}" if is_url(base) else absolute_text(text, base)


def _files_named(named: NamedInput, walk: Walk, real_paths: RealPaths) -> Iterable[Found]:
    """The files that one input leads to."""
    if "\0" in named.text:
        raise named.fault("holds a NUL character, which no path does; save the list as UTF-8")
    if not is_url(named.location):
        return _files_of(named, walk, real_paths)
    return (Found((url,), (url,)) for url in _urls_of(named, walk))


def _urls_of(named: NamedInput, walk: Walk) -> Iterator[str]:
    try:
        yield from urls_of(named.location, takes=walk.selection.takes_url, left_alone=walk.left_alone.add)
    except VideoError as error:
        raise UsageError(f"{named.source}: {error}" if named.source else str(error)) from error


def _files_of(named: NamedInput, walk: Walk, real_paths: RealPaths) -> Iterable[Found]:
    path = named.location
    try:
        mode = own_mode = os.lstat(path).st_mode
        if stat.S_ISLNK(own_mode):
            mode = os.stat(path).st_mode  # noqa: PTH116
    except FileNotFoundError as error:
        if glob.has_magic(named.text):
            return _files_of_pattern(Path(path), walk, real_paths)
        raise named.fault("does not exist; check the spelling, and put a glob in quotes") from error
    except OSError as error:
        raise named.fault(f"cannot be read: {error.strerror}; check the path and its permissions") from error
    if stat.S_ISDIR(mode):
        return _files_of_folder(named, walk)
    if not stat.S_ISREG(mode):
        raise named.fault("is neither a file nor a folder; give a video file")
    real = os.path.realpath(path) if stat.S_ISLNK(own_mode) else real_paths.of_no_link(path)
    return (Found((path,), (real,)),)


def _files_of_folder(named: NamedInput, walk: Walk) -> Iterator[Found]:
    try:
        yield from walk.selected_files(named.location)
    except OSError as error:
        raise named.fault(f"cannot be read: {error.strerror}; check its permissions") from error


def _files_of_pattern(pattern: Path, walk: Walk, real_paths: RealPaths) -> Iterator[Found]:
    """Files of a glob.

    A pattern that ends in an extension (`*.bin`) selects all its files, any other only what the selection
    takes.
    """
    is_extension_given = bool(pattern.suffix) and not glob.has_magic(pattern.suffix)
    for path in _matching_paths(pattern):
        if os.path.isdir(path):  # noqa: PTH112
            yield from walk.selected_files(path)
        elif is_extension_given or walk.selection.takes(path):
            yield Found((path,), (real_paths.of(path),))


def _matching_paths(pattern: Path) -> Iterator[str]:
    """As `glob.glob(recursive=True)`, but `**` never follows links in a circle."""
    parts = pattern.parts
    if "**" not in parts:
        yield from sorted(_visible_paths(pattern))
        return
    cut = parts.index("**")
    for root in sorted(_visible_paths(Path(*parts[:cut]))):
        if os.path.isdir(root):  # noqa: PTH112
            for folder in Walk().folders(root):
                inner = Path(folder.shown).relative_to(root).parts
                yield from (folder.shown + name for name in folder.names if fits((*inner, name), parts[cut:]))


def _visible_paths(pattern: Path) -> Iterator[str]:
    return glob.iglob(str(pattern))  # noqa: PTH207  pathlib's own glob finds hidden files too


def fits(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether the parts of a relative path match the parts of a pattern.

    `**` stands for any number of folders.
    """
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(fits(parts[skipped:], pattern[1:]) for skipped in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and fits(parts[1:], pattern[1:])
