"""Finds the videos that a user's inputs lead to: files, folders, globs, URLs, and lists of these."""

from __future__ import annotations

import glob
import logging
import os
import re
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path, PurePath
from typing import Final

from schemas.errors import NothingMatched, UsageError, VideoError
from schemas.paths import absolute_location, absolute_path, is_url, name_of
from vaengine.console.standard_input import read_standard_input
from vaengine.console.units import counted
from vaengine.requests.media_kinds import (
    OWN_FILES,
    SOUND_SUFFIXES,
    VIDEO_SUFFIXES,
    is_media,
    is_system_folder,
    is_video_name,
    suffix_of,
)
from vaengine.requests.path_lists import Entry, entries_of, is_list, lines_of, text_entries
from vaengine.requests.real_paths import RealPaths
from vaengine.requests.remote_inputs import urls_of

STDIN: Final = "-"
MAX_KINDS_SHOWN: Final = 6
# The end of a video id, and so of the name of its folder under --out.
RESULT_FOLDER: Final = re.compile(r"-[0-9a-f]{8,16}$")

log = logging.getLogger("vaengine")


@dataclass(frozen=True)
class NamedInput:
    """One path, URL, folder or pattern as it was given; `source` is "LIST:LINE" if it came from a list.

    `base` is what it is relative to: a folder, or the URL of one.
    """

    text: str
    base: str
    source: str = ""

    @cached_property
    def location(self) -> str:
        """Its absolute path or URL."""
        if is_url(self.text):
            return absolute_location(self.text)
        return (
            f"{self.base}/{self.text}"
            if is_url(self.base)
            else str(absolute_path(self.text, Path(self.base)))
        )

    @property
    def path(self) -> Path:
        return Path(self.location)

    def fault(self, cause: str) -> UsageError:
        return UsageError(
            f"{self.source}: {self.location} {cause}" if self.source else f"{self.text} {cause}"
        )


@dataclass(frozen=True, slots=True)
class Selection:
    """Which files of a folder are used.

    Videos always are. `sound` adds sound files. `everything` adds every file that holds video or sound,
    whatever its name.
    """

    sound: bool = False
    everything: bool = False

    def takes(self, path: Path) -> bool:
        """Whether a file of a folder is used.

        A broken link is, so that the report names it. Pipes are not, since they would block.
        """
        if not (path.is_file() or path.is_symlink()):
            return False
        if self.everything:
            return is_media(path)
        return is_video_name(path) or (self.sound and suffix_of(path) in SOUND_SUFFIXES)

    def takes_url(self, url: str) -> bool:
        """Whether an object below a prefix is used, by its name alone."""
        suffix = suffix_of(PurePath(name_of(url)))
        return suffix in VIDEO_SUFFIXES or ((self.sound or self.everything) and suffix in SOUND_SUFFIXES)


@dataclass(frozen=True, slots=True)
class FoundFiles:
    """The files that were found.

    `paths` are absolute paths and URLs, each file once. `left_alone` counts the other files of the searched
    folders by extension ("" for none).
    """

    paths: tuple[str, ...]
    left_alone: Mapping[str, int]


@dataclass(slots=True)
class Walk:
    """A search over several inputs that enters every real folder once, so that circular links end it."""

    selection: Selection = Selection()
    entered_folders: set[str] = field(default_factory=set)
    left_alone: set[str] = field(default_factory=set)  # real paths and URLs

    def selected_files(self, folder: Path) -> Iterator[Path]:
        """Files below `folder` that are used; the others are counted."""
        for path in self.files(folder):
            if self.selection.takes(path):
                yield path
            elif path.is_file() and not OWN_FILES.fullmatch(path.name):
                self.left_alone.add(os.path.realpath(path))

    def files(self, folder: Path) -> Iterator[Path]:
        """Every file below `folder`, by name, a folder's own files before those of its subfolders.

        Hidden files, system folders and our own results are left out.
        """
        real = os.path.realpath(folder)
        if real in self.entered_folders:
            return
        self.entered_folders.add(real)
        entries = sorted(
            (entry for entry in os.scandir(folder) if not entry.name.startswith(".")),
            key=lambda entry: entry.name,
        )
        yield from (folder / entry.name for entry in entries if not entry.is_dir())
        for entry in entries:
            if entry.is_dir() and not is_system_folder(entry.name) and not _holds_results(Path(entry.path)):
                yield from self._subfolder(folder / entry.name)

    def _subfolder(self, folder: Path) -> Iterator[Path]:
        try:
            yield from self.files(folder)
        except PermissionError as error:
            log.warning("folder %s is left out: %s", folder, error.strerror)


def find_files(inputs: Sequence[str], selection: Selection | None = None) -> FoundFiles:
    """The files that `inputs` lead to, in the given order, and by name within a folder.

    An input is a file (any extension), a folder (searched recursively for names of videos in any letter case,
    or for what `selection` takes), a glob (`**` crosses folders), a URL of any of these, or a list: text
    (`.txt`, `.lst`, or `-` for standard input) or Parquet. A text list has one path a line, relative to the
    list; `#` begins a comment line. Raises `UsageError` for a named path that is missing, `NothingMatched`
    when nothing was found at all.
    """
    walk = Walk(selection or Selection())
    real_paths = RealPaths()
    path_by_real_path: dict[str, str] = {}
    for named in _named_inputs(inputs):
        count = 0
        for count, path in enumerate(_locations_of(named, walk), start=1):  # noqa: B007
            path_by_real_path.setdefault(path if is_url(path) else real_paths.of(path), path)
        if not count and glob.has_magic(named.text) and (is_url(named.location) or not named.path.exists()):
            log.warning("%s matches nothing", named.text)
    left_alone = Counter(
        suffix_of(PurePath(name_of(real))) for real in sorted(walk.left_alone - path_by_real_path.keys())
    )
    if not path_by_real_path:
        raise NothingMatched(", ".join(inputs), f" ({left_alone_text(left_alone)})" if left_alone else "")
    return FoundFiles(tuple(path_by_real_path.values()), dict(left_alone.most_common()))


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
        named = NamedInput(text, here)
        if text == STDIN:
            yield from _listed(text_entries(lines_of(read_standard_input())), here, "standard input")
        elif is_list(named.location) and (is_url(named.location) or named.path.is_file()):
            yield from _listed(entries_of(named.location), named.location.rpartition("/")[0], text)
        else:
            yield named


def _listed(entries: Iterable[Entry], base: str, source: str) -> Iterator[NamedInput]:
    return (NamedInput(text, base, f"{source}:{number}") for number, text in entries)


def _locations_of(named: NamedInput, walk: Walk) -> Iterable[str]:
    """Absolute paths and URLs of the files that one input leads to."""
    if "\0" in named.text:
        raise named.fault("holds a NUL character, which no path does; save the list as UTF-8")
    if not is_url(named.location):
        return map(str, _files_of(named, walk))
    return _urls_of(named, walk)


def _urls_of(named: NamedInput, walk: Walk) -> Iterator[str]:
    try:
        yield from urls_of(named.location, takes=walk.selection.takes_url, left_alone=walk.left_alone.add)
    except VideoError as error:
        raise UsageError(f"{named.source}: {error}" if named.source else str(error)) from error


def _files_of(named: NamedInput, walk: Walk) -> Iterable[Path]:
    path = named.path
    try:
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        if glob.has_magic(named.text):
            return _files_of_pattern(path, walk)
        raise named.fault("does not exist; check the spelling, and put a glob in quotes") from error
    except OSError as error:
        raise named.fault(f"cannot be read: {error.strerror}; check the path and its permissions") from error
    if stat.S_ISDIR(mode):
        return _files_of_folder(named, walk)
    if not stat.S_ISREG(mode):
        raise named.fault("is neither a file nor a folder; give a video file")
    return (path,)


def _files_of_folder(named: NamedInput, walk: Walk) -> list[Path]:
    try:
        return list(walk.selected_files(named.path))
    except OSError as error:
        raise named.fault(f"cannot be read: {error.strerror}; check its permissions") from error


def _files_of_pattern(pattern: Path, walk: Walk) -> Iterator[Path]:
    """Files of a glob.

    A pattern that ends in an extension (`*.bin`) selects all its files, any other only what the selection
    takes.
    """
    is_extension_given = bool(pattern.suffix) and not glob.has_magic(pattern.suffix)
    for path in _matching_paths(pattern):
        if path.is_dir():
            yield from walk.selected_files(path)
        elif is_extension_given or walk.selection.takes(path):
            yield path


def _matching_paths(pattern: Path) -> Iterator[Path]:
    """As `glob.glob(recursive=True)`, but `**` never follows links in a circle."""
    parts = pattern.parts
    if "**" not in parts:
        yield from map(Path, sorted(_visible_paths(pattern)))
        return
    cut = parts.index("**")
    for root in sorted(_visible_paths(Path(*parts[:cut]))):
        if Path(root).is_dir():
            yield from (
                path for path in Walk().files(Path(root)) if fits(path.relative_to(root).parts, parts[cut:])
            )


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


def _holds_results(folder: Path) -> bool:
    """Whether a folder is one of ours under some --out; videos rendered into it are no inputs."""
    return RESULT_FOLDER.search(folder.name) is not None and (folder / "job_metadata.json").is_file()
