"""Finds the files of folders that are used, and enters each real folder once."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from schemas.paths import name_of
from vaengine.requests.inputs.distinct_files import Found, LeftAlone
from vaengine.requests.inputs.media_kinds import (
    OWN_FILES,
    SOUND_SUFFIXES,
    VIDEO_SUFFIXES,
    is_media,
    is_system_folder,
    is_video_name,
    suffix_of,
)

# The end of a video id, and so of the name of its folder under --out.
RESULT_FOLDER: Final = re.compile(r"-[0-9a-f]{8,16}$")

log = logging.getLogger("vaengine")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which files of a folder are used.

    Videos always are. `sound` adds sound files. `everything` adds every file that holds video or sound,
    whatever its name.
    """

    sound: bool = False
    everything: bool = False

    def takes(self, path: str, *, is_regular: bool = False) -> bool:
        """Whether a file of a folder is used.

        A broken link is, so that the report names it. Pipes are not, since they would block.
        """
        if not (is_regular or os.path.isfile(path) or os.path.islink(path)):  # noqa: PTH113, PTH114
            return False
        if self.everything:
            return is_media(path)
        return is_video_name(path) or (self.sound and suffix_of(path) in SOUND_SUFFIXES)

    def takes_url(self, url: str) -> bool:
        """Whether an object below a prefix is used, by its name alone."""
        suffix = suffix_of(name_of(url))
        return suffix in VIDEO_SUFFIXES or ((self.sound or self.everything) and suffix in SOUND_SUFFIXES)


@dataclass(frozen=True, slots=True)
class Folder:
    """What a folder shows, by name: files, which of them are links or pipes, and folders to search.

    `shown` and `real` are its own path and the one without links in it, both with a slash at the end.
    """

    shown: str
    real: str
    names: Sequence[str]
    irregular: frozenset[str]
    subfolders: Sequence[str]

    @classmethod
    def read(cls, path: str, real: str) -> Folder:
        """Read a folder with one question for all of its files; raises `OSError`."""
        names, irregular, subfolders = [], [], []
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_file(follow_symlinks=False):
                    names.append(entry.name)
                elif not entry.is_dir():
                    names.append(entry.name)
                    irregular.append(entry.name)
                elif not is_system_folder(entry.name) and not _holds_results(entry):
                    subfolders.append(entry.name)
        return cls(
            _with_slash(path), _with_slash(real), sorted(names), frozenset(irregular), sorted(subfolders)
        )

    def selected(self, selection: Selection) -> list[str]:
        """Names of the files that are used."""
        return [
            name
            for name in self.names
            if selection.takes(self.shown + name, is_regular=name not in self.irregular)
        ]

    def found(self, names: Iterable[str]) -> Found:
        """Files of the folder as they were found."""
        paths = [self.shown + name for name in names]
        if self.shown == self.real and not self.irregular:
            return Found(paths, paths)
        return Found(paths, [self._real_path(path) for path in paths])

    def _real_path(self, path: str) -> str:
        name = path[len(self.shown) :]
        return os.path.realpath(path) if name in self.irregular else self.real + name


@dataclass(slots=True)
class Walk:
    """A search over several folders that enters every real folder once, so that circular links end it."""

    selection: Selection = Selection()
    entered_folders: set[str] = field(default_factory=set)
    left_alone: LeftAlone = field(default_factory=LeftAlone)

    def selected_files(self, path: str) -> Iterator[Found]:
        """Files below a folder that are used; the others are counted."""
        for folder in self.folders(path):
            selected = folder.selected(self.selection)
            if len(selected) < len(folder.names):
                self._leave_alone(folder, set(folder.names).difference(selected))
            yield folder.found(selected)

    def _leave_alone(self, folder: Folder, names: Iterable[str]) -> None:
        others = folder.found(name for name in names if not OWN_FILES.fullmatch(name))
        for path, real in zip(*others, strict=True):
            if os.path.isfile(path):  # noqa: PTH113 neither a pipe nor a broken link
                self.left_alone.add(real)

    def folders(self, path: str) -> Iterator[Folder]:
        """A folder and all below it, by name, with their files.

        Hidden files, system folders and our own results are left out.
        """
        real = os.path.realpath(path)
        if real in self.entered_folders:
            return
        self.entered_folders.add(real)
        yield (folder := Folder.read(path, real))
        for name in folder.subfolders:
            yield from self._below(folder.shown + name)

    def _below(self, path: str) -> Iterator[Folder]:
        try:
            yield from self.folders(path)
        except PermissionError as error:
            log.warning("folder %s is left out: %s", path, error.strerror)


def _with_slash(folder: str) -> str:
    return folder if folder.endswith("/") else f"{folder}/"


def _holds_results(folder: os.DirEntry[str]) -> bool:
    """Whether a folder is one of ours under some --out; videos rendered into it are no inputs."""
    return RESULT_FOLDER.search(folder.name) is not None and Path(folder, "job_metadata.json").is_file()
