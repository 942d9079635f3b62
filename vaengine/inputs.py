"""From what a person names to the videos meant: files, folders, globs and text lists."""

from __future__ import annotations

import glob
import logging
import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from schemas.errors import NothingMatched, UsageError

_SUFFIXES: Final = (
    ".3g2 .3gp .asf .avi .divx .dv .f4v .flv .gif .h264 .h265 .hevc .ivf .m2ts .m2v .m4v .mjpeg .mjpg .mkv .mov .mp4 .mpeg .mpg .mts"
    " .mxf .ogv .rm .rmvb .ts .vob .webm .wmv .y4m"
)
VIDEO_SUFFIXES: Final = frozenset(_SUFFIXES.split())
LIST_SUFFIXES: Final = (".txt", ".lst")
STDIN: Final = "-"
RESULT_FOLDER: Final = re.compile(r"-[0-9a-f]{8,16}$")  # how the name of a video_id, and so of its folder under --out, ends
TEXT_SNIFF_BYTES: Final = 512

log = logging.getLogger("vaengine")


@dataclass(frozen=True, slots=True)
class Named:
    """One path, folder or pattern as it was given; `source` is "LIST:LINE" where a text list gave it."""

    text: str
    base: Path
    source: str = ""

    @property
    def path(self) -> Path:
        return Path(os.path.normpath(self.base / Path(self.text).expanduser()))

    def fault(self, cause: str) -> UsageError:
        return UsageError(f"{self.source}: {self.path} {cause}" if self.source else f"{self.text} {cause}")


@dataclass(slots=True)
class Walk:
    """A search over several inputs that enters every real folder once, so links that lead in a circle end it."""

    entered: set[str] = field(default_factory=set)

    def files(self, folder: Path) -> Iterator[Path]:
        """Every file below `folder`, by name, a folder's own files before its subfolders'; hidden ones and our own results left out."""
        real = os.path.realpath(folder)
        if real in self.entered:
            return
        self.entered.add(real)
        entries = sorted((entry for entry in os.scandir(folder) if not entry.name.startswith(".")), key=lambda entry: entry.name)
        yield from (folder / entry.name for entry in entries if not entry.is_dir())
        for entry in entries:
            if entry.is_dir() and not _holds_results(Path(entry.path)):
                yield from self._subfolder(folder / entry.name)

    def _subfolder(self, folder: Path) -> Iterator[Path]:
        try:
            yield from self.files(folder)
        except PermissionError as error:
            log.warning("folder %s is left out: %s", folder, error.strerror)


def video_paths(inputs: Sequence[str]) -> list[Path]:
    """The videos that `inputs` lead to: absolute, each file once, in the order given and by name within a folder.

    An input is a file (any extension), a folder (searched recursively for `VIDEO_SUFFIXES` in any letter case), a glob (`**` crosses
    folders), a text list (`.txt`, `.lst`, or `-` for standard input: a path a line, relative to the list; `#` begins a comment line).
    Raises `UsageError` for a named path that is not there, `NothingMatched` when nothing at all was found.
    """
    walk = Walk()
    found: dict[str, Path] = {}
    for named in _named(inputs):
        paths = list(_videos(named, walk))
        if not paths and glob.has_magic(named.text) and not named.path.exists():
            log.warning("%s matches nothing", named.text)
        for path in paths:
            found.setdefault(os.path.realpath(path), path)
    if not found:
        raise NothingMatched(", ".join(inputs))
    return list(found.values())


def _named(inputs: Sequence[str]) -> Iterator[Named]:
    here = Path.cwd()
    for text in inputs:
        named = Named(text, here)
        if text == STDIN:
            yield from _lines(sys.stdin.buffer.read(), here, "standard input")
        elif named.path.suffix.lower() in LIST_SUFFIXES and named.path.is_file():
            yield from _lines(_list_bytes(named), named.path.parent, text)
        else:
            yield named


def _list_bytes(named: Named) -> bytes:
    try:
        return named.path.read_bytes()
    except OSError as error:
        raise named.fault(f"cannot be read: {error.strerror}; check its permissions") from error


def _lines(data: bytes, base: Path, source: str) -> Iterator[Named]:
    """Entries of a text list; file names are bytes, so they survive whatever their encoding."""
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").splitlines(), start=1):
        text = os.fsdecode(line.strip())
        if text and not text.startswith("#"):
            yield Named(text, base, f"{source}:{number}")


def _videos(named: Named, walk: Walk) -> Iterable[Path]:
    path = named.path
    if "\0" in named.text:
        raise named.fault("holds a NUL character, which no path does; save the list as UTF-8")
    try:
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        if glob.has_magic(named.text):
            return _matches(path, walk)
        raise named.fault("does not exist; check the spelling, and put a glob in quotes") from error
    except OSError as error:
        raise named.fault(f"cannot be read: {error.strerror}; check the path and its permissions") from error
    if stat.S_ISDIR(mode):
        return _named_folder(named, walk)
    if not stat.S_ISREG(mode):
        raise named.fault("is neither a file nor a folder; give a video file")
    return (path,)


def _named_folder(named: Named, walk: Walk) -> list[Path]:
    try:
        return [path for path in walk.files(named.path) if _is_video(path)]
    except OSError as error:
        raise named.fault(f"cannot be read: {error.strerror}; check its permissions") from error


def _matches(pattern: Path, walk: Walk) -> Iterator[Path]:
    """Files of a glob; a pattern that ends in an extension (`*.bin`) means it, any other takes known videos only."""
    meant = bool(pattern.suffix) and not glob.has_magic(pattern.suffix)
    for path in _glob(pattern):
        if path.is_dir():
            yield from (inner for inner in walk.files(path) if _is_video(inner))
        elif meant or _is_video(path):
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
            yield from (path for path in Walk().files(Path(root)) if fits(path.relative_to(root).parts, parts[cut:]))


def _unhidden(pattern: Path) -> Iterator[str]:
    return glob.iglob(str(pattern))  # noqa: PTH207  pathlib's own glob finds hidden files too


def fits(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether a relative path, in parts, is one that the pattern's parts describe; `**` stands for any number of folders."""
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(fits(parts[skipped:], pattern[1:]) for skipped in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and fits(parts[1:], pattern[1:])


def _is_video(path: Path) -> bool:
    """Known by its name; a broken link counts, so that the report names it; pipes and sockets, which would block, do not."""
    suffix = path.suffix.lower()
    if suffix not in VIDEO_SUFFIXES or not (path.is_file() or path.is_symlink()):
        return False
    return suffix != ".ts" or not _is_text(path)


def _is_text(path: Path) -> bool:
    """TypeScript shares its extension with MPEG transport streams."""
    try:
        with path.open("rb") as file:
            head = file.read(TEXT_SNIFF_BYTES)
    except OSError:
        return False  # unreadable: the report will say so
    return bool(head) and all(byte >= 0x20 or byte in b"\t\n\r\f" for byte in head)


def _holds_results(folder: Path) -> bool:
    """A folder of ours under some --out: what is rendered there later is not an input."""
    return RESULT_FOLDER.search(folder.name) is not None and (folder / "job_metadata.json").is_file()
