"""From what a person names to the videos meant: files, folders, globs and text lists."""

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
from pathlib import Path
from typing import Final

from schemas.errors import NothingMatched, UsageError
from schemas.paths import absolute_path
from vaengine.console.standard_input import read_standard_input
from vaengine.console.units import counted
from vaengine.requests.media_kinds import (
    OWN_FILES,
    SOUND_SUFFIXES,
    is_media,
    is_system_folder,
    is_video_name,
    suffix_of,
)

LIST_SUFFIXES: Final = (".txt", ".lst")
STDIN: Final = "-"
KINDS_SHOWN: Final = 6
RESULT_FOLDER: Final = re.compile(
    r"-[0-9a-f]{8,16}$"
)  # how the name of a video_id, and so of its folder under --out, ends
URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")

log = logging.getLogger("vaengine")


@dataclass(frozen=True, slots=True)
class NamedInput:
    """One path, folder or pattern as it was given; `source` is "LIST:LINE" where a text list gave it."""

    text: str
    base: Path
    source: str = ""

    @property
    def path(self) -> Path:
        return absolute_path(self.text, self.base)

    def fault(self, cause: str) -> UsageError:
        return UsageError(f"{self.source}: {self.path} {cause}" if self.source else f"{self.text} {cause}")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which files of a folder are taken: videos always, `sound` files, or `everything` that holds either,
    whatever its name.
    """

    sound: bool = False
    everything: bool = False

    def takes(self, path: Path) -> bool:
        """Whether a file of a folder is taken.

        A broken link is, so that the report names it; pipes, which would block, are not.
        """
        if not (path.is_file() or path.is_symlink()):
            return False
        if self.everything:
            return is_media(path)
        return is_video_name(path) or (self.sound and suffix_of(path) in SOUND_SUFFIXES)


@dataclass(frozen=True, slots=True)
class FoundFiles:
    """`paths` are absolute, each file once; `left_alone` counts the other files of the folders searched,
    by extension ("" for none).
    """

    paths: tuple[Path, ...]
    left_alone: Mapping[str, int]


@dataclass(slots=True)
class Walk:
    """A search over several inputs that enters every real folder once, so links that lead in a circle end
    it.
    """

    selection: Selection = Selection()
    entered: set[str] = field(default_factory=set)
    left_alone: set[str] = field(default_factory=set)  # real paths

    def taken(self, folder: Path) -> Iterator[Path]:
        """Files below `folder` that are taken; the others are counted."""
        for path in self.files(folder):
            if self.selection.takes(path):
                yield path
            elif path.is_file() and not OWN_FILES.fullmatch(path.name):
                self.left_alone.add(os.path.realpath(path))

    def files(self, folder: Path) -> Iterator[Path]:
        """Every file below `folder`, by name, a folder's own files before its subfolders'.

        Hidden ones are left out, folders that a system keeps for itself, and our own results.
        """
        real = os.path.realpath(folder)
        if real in self.entered:
            return
        self.entered.add(real)
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
    """The files that `inputs` lead to, in the order given and by name within a folder.

    An input is a file (any extension), a folder (searched recursively for names of videos in any letter case,
    or for what `selection` takes), a glob (`**` crosses folders), a text list (`.txt`, `.lst`, or `-` for
    standard input: a path a line, relative to the list; `#` begins a comment line). Raises `UsageError` for a
    named path that is not there, `NothingMatched` when nothing at all was found.
    """
    walk = Walk(selection or Selection())
    found: dict[str, Path] = {}
    for named in _named(inputs):
        paths = list(_videos(named, walk))
        if not paths and glob.has_magic(named.text) and not named.path.exists():
            log.warning("%s matches nothing", named.text)
        for path in paths:
            found.setdefault(os.path.realpath(path), path)
    left_alone = Counter(suffix_of(Path(real)) for real in sorted(walk.left_alone - found.keys()))
    if not found:
        raise NothingMatched(", ".join(inputs), f" ({left_alone_text(left_alone)})" if left_alone else "")
    return FoundFiles(tuple(found.values()), dict(left_alone.most_common()))


def video_paths(inputs: Sequence[str]) -> list[Path]:
    """The videos that `inputs` lead to, as `find_files` finds them."""
    return list(find_files(inputs).paths)


def left_alone_text(left_alone: Mapping[str, int]) -> str:
    """`3 other files left alone: 2 .insv, 1 .wav; name them, or use --all-media`; empty for none."""
    if not left_alone:
        return ""
    kinds = [
        f"{count:,} {suffix or 'without an extension'}"
        for suffix, count in list(left_alone.items())[:KINDS_SHOWN]
    ]
    more = sum(list(left_alone.values())[KINDS_SHOWN:])
    total = counted(sum(left_alone.values()), "other file")
    return (
        f"{total} left alone: {', '.join([*kinds, *([f'{more:,} more'] if more else [])])}; name them, or "
        "use --all-media"
    )


def _named(inputs: Sequence[str]) -> Iterator[NamedInput]:
    here = Path.cwd()
    for text in inputs:
        named = NamedInput(text, here)
        if text == STDIN:
            yield from _lines(read_standard_input(), here, "standard input")
        elif named.path.suffix.lower() in LIST_SUFFIXES and named.path.is_file():
            yield from _lines(_list_bytes(named), named.path.parent, text)
        else:
            yield named


def _list_bytes(named: NamedInput) -> bytes:
    try:
        return named.path.read_bytes()
    except OSError as error:
        raise named.fault(f"cannot be read: {error.strerror}; check its permissions") from error


def _lines(data: bytes, base: Path, source: str) -> Iterator[NamedInput]:
    """Entries of a text list; file names are bytes, so they survive whatever their encoding."""
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").splitlines(), start=1):
        text = os.fsdecode(line.strip())
        if text and not text.startswith("#"):
            yield NamedInput(text, base, f"{source}:{number}")


def _videos(named: NamedInput, walk: Walk) -> Iterable[Path]:
    path = named.path
    if "\0" in named.text:
        raise named.fault("holds a NUL character, which no path does; save the list as UTF-8")
    try:
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        if glob.has_magic(named.text):
            return _matches(path, walk)
        if url := URL.match(named.text):
            raise named.fault(
                f"is a URL, and {url[0]} is not read: download the file, and give its path"
            ) from error
        raise named.fault("does not exist; check the spelling, and put a glob in quotes") from error
    except OSError as error:
        raise named.fault(f"cannot be read: {error.strerror}; check the path and its permissions") from error
    if stat.S_ISDIR(mode):
        return _named_folder(named, walk)
    if not stat.S_ISREG(mode):
        raise named.fault("is neither a file nor a folder; give a video file")
    return (path,)


def _named_folder(named: NamedInput, walk: Walk) -> list[Path]:
    try:
        return list(walk.taken(named.path))
    except OSError as error:
        raise named.fault(f"cannot be read: {error.strerror}; check its permissions") from error


def _matches(pattern: Path, walk: Walk) -> Iterator[Path]:
    """Files of a glob; a pattern that ends in an extension (`*.bin`) means it, any other takes known
    videos only.
    """
    meant = bool(pattern.suffix) and not glob.has_magic(pattern.suffix)
    for path in _glob(pattern):
        if path.is_dir():
            yield from walk.taken(path)
        elif meant or walk.selection.takes(path):
            yield path


def _glob(pattern: Path) -> Iterator[Path]:
    """As `glob.glob(recursive=True)`, but `**` never follows links in a circle."""
    parts = pattern.parts
    if "**" not in parts:
        yield from map(Path, sorted(_unhidden(pattern)))
        return
    cut = parts.index("**")
    for root in sorted(_unhidden(Path(*parts[:cut]))):
        if Path(root).is_dir():
            yield from (
                path for path in Walk().files(Path(root)) if fits(path.relative_to(root).parts, parts[cut:])
            )


def _unhidden(pattern: Path) -> Iterator[str]:
    return glob.iglob(str(pattern))  # noqa: PTH207  pathlib's own glob finds hidden files too


def fits(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether a relative path, in parts, is one that the pattern's parts describe; `**` stands for any
    number of folders.
    """
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(fits(parts[skipped:], pattern[1:]) for skipped in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and fits(parts[1:], pattern[1:])


def _holds_results(folder: Path) -> bool:
    """A folder of ours under some --out: what is rendered there later is not an input."""
    return RESULT_FOLDER.search(folder.name) is not None and (folder / "job_metadata.json").is_file()
