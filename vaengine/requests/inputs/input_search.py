"""Follows each input of a user to its files: a file, folder, glob or URL, or a list of these."""

from __future__ import annotations

import glob
import logging
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from schemas.errors import UsageError, VideoError
from schemas.paths import absolute_location, absolute_text, is_url
from vaengine.console.standard_input import read_standard_input
from vaengine.requests.inputs.distinct_files import Found, LeftAlone
from vaengine.requests.inputs.folder_walk import Selection, Walk
from vaengine.requests.inputs.path_lists import Entry, entries_of, is_list, lines_of, text_entries
from vaengine.requests.inputs.real_paths import RealPaths
from vaengine.requests.inputs.remote_inputs import urls_of

STDIN: Final = "-"
ENTRIES_AT_ONCE: Final = 1_000  # of a list

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


class InputSearch:
    """A search over all inputs of a request, which enters every real folder once."""

    def __init__(self, selection: Selection) -> None:
        self._walk, self._real_paths = Walk(selection), RealPaths()

    @property
    def left_alone(self) -> LeftAlone:
        """The other files of the folders that were searched."""
        return self._walk.left_alone

    def real_path(self, location: str) -> str:
        """The path without links in it; a URL as it is."""
        return location if is_url(location) else self._real_paths.of(location)

    def files_of(self, inputs: Sequence[str]) -> Iterator[Found]:
        """Files as they are found, of one file perhaps several; raises `UsageError` for what is missing."""
        here = str(Path.cwd())
        for text in inputs:
            location = _location(text, here)
            if text == STDIN:
                yield from self._of_list(
                    text_entries(lines_of(read_standard_input())), here, "standard input"
                )
            elif is_list(location) and (is_url(location) or Path(location).is_file()):
                yield from self._of_list(entries_of(location), location.rpartition("/")[0] or "/", text)
            else:
                yield from self._of_one(NamedInput(text, location))

    def _of_list(self, entries: Iterator[Entry], base: str, source: str) -> Iterator[Found]:
        while page := list(islice(entries, ENTRIES_AT_ONCE)):
            files: list[str] = []
            for number, text in page:
                location = _location(text, base)
                if _is_file(location):
                    files.append(location)
                    continue
                yield self._found(files)
                files = []
                yield from self._of_one(NamedInput(text, location, f"{source}:{number}"))
            yield self._found(files)

    def _found(self, files: Sequence[str]) -> Found:
        """Files that are no links."""
        return Found(files, list(map(self._real_paths.of_no_link, files)))

    def _of_one(self, named: NamedInput) -> Iterator[Found]:
        count = 0
        for found in self._followed(named):
            count += len(found.paths)
            yield found
        if not count and _is_pattern(named):
            log.warning("%s matches nothing", named.text)

    def _followed(self, named: NamedInput) -> Iterable[Found]:
        if "\0" in named.text:
            raise named.fault("holds a NUL character, which no path does; save the list as UTF-8")
        return self._of_url(named) if is_url(named.location) else self._of_path(named)

    def _of_url(self, named: NamedInput) -> Iterator[Found]:
        takes, left_alone = self._walk.selection.takes_url, self._walk.left_alone.add
        try:
            for url in urls_of(named.location, takes=takes, left_alone=left_alone):
                yield Found((url,), (url,))
        except VideoError as error:
            raise UsageError(f"{named.source}: {error}" if named.source else str(error)) from error

    def _of_path(self, named: NamedInput) -> Iterable[Found]:
        path = named.location
        try:
            mode = Path(path).stat().st_mode
        except FileNotFoundError as error:
            if glob.has_magic(named.text):
                return self._of_pattern(Path(path))
            raise named.fault("does not exist; check the spelling, and put a glob in quotes") from error
        except OSError as error:
            raise named.fault(
                f"cannot be read: {error.strerror}; check the path and its permissions"
            ) from error
        if stat.S_ISDIR(mode):
            return self._of_folder(named)
        if not stat.S_ISREG(mode):
            raise named.fault("is neither a file nor a folder; give a video file")
        return (Found((path,), (self._real_paths.of(path),)),)

    def _of_folder(self, named: NamedInput) -> Iterator[Found]:
        try:
            yield from self._walk.selected_files(named.location)
        except OSError as error:
            raise named.fault(f"cannot be read: {error.strerror}; check its permissions") from error

    def _of_pattern(self, pattern: Path) -> Iterator[Found]:
        """Files of a glob.

        A pattern that ends in an extension (`*.bin`) selects all its files, any other only what the selection
        takes.
        """
        is_extension_given = bool(pattern.suffix) and not glob.has_magic(pattern.suffix)
        for path in _matching_paths(pattern):
            if os.path.isdir(path):  # noqa: PTH112
                yield from self._walk.selected_files(path)
            elif is_extension_given or self._walk.selection.takes(path):
                yield Found((path,), (self._real_paths.of(path),))


def _location(text: str, base: str) -> str:
    """The absolute path or URL of a text; `base` is what it is relative to, a folder or the URL of one."""
    if is_url(text):
        return absolute_location(text)
    return f"{base}/{text}" if is_url(base) else absolute_text(text, base)


def _is_file(location: str) -> bool:
    """Whether it is a file that can be seen, and neither a link nor a URL."""
    try:
        return location.startswith("/") and stat.S_ISREG(os.lstat(location).st_mode)
    except (OSError, ValueError):  # whoever follows it says what is wrong
        return False


def _is_pattern(named: NamedInput) -> bool:
    return glob.has_magic(named.text) and (is_url(named.location) or not Path(named.location).exists())


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
