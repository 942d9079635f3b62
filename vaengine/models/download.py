"""Fetching a model file: resumed where it was cut, checked before it has its name, and never by two
processes at once.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from actors.model_files import offline
from actors.model_files.files import digest_of
from schemas.errors import (
    DownloadFailed,
    FetchingForbidden,
    FolderUnusable,
    NoRoomForModel,
    UsageError,
    WrongDownload,
)
from schemas.settings.models import ModelFile
from vaengine.console.units import counted, size
from vaengine.models import packs, weights
from vaengine.models.lock import alone
from vaengine.models.network import Answer, Part, Passing, Refused, asked

Progress = Callable[
    [int, int], None
]  # bytes that are here, bytes in all; what it raises ends the download, which can be resumed

NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Source:
    """Where files come from: their own addresses, or `mirror`/NAME; nowhere at all where a variable
    forbids it.
    """

    mirror: str | None = None
    forbidden_by: str | None = None

    def __post_init__(self) -> None:
        if self.mirror and urlsplit(self.mirror).scheme not in ("https", "http"):
            raise UsageError(
                "VAENGINE_MODELS_URL is an address such as https://mirror.example/models, not "
                f"{self.mirror!r}"
            )

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Source:
        """As `VAENGINE_MODELS_URL` and `VAENGINE_OFFLINE` say; raises `UsageError`."""
        return cls(environment.get("VAENGINE_MODELS_URL") or None, offline.forbidden_by(environment))

    @property
    def offline(self) -> bool:
        return self.forbidden_by is not None

    def url(self, model: ModelFile) -> str:
        return f"{self.mirror.rstrip('/')}/{model.name}" if self.mirror else model.url


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long is tried: the wait doubles from `backoff_s`, `timeout_s` is for each
    connection and each read.
    """

    attempts: int = 4
    backoff_s: float = 1.0
    timeout_s: float = 20.0


def unheard(done: int, total: int) -> None:
    """Progress that nobody looks at."""


def obtain(model: ModelFile, folders: Sequence[Path], source: Source, progress: Progress = unheard) -> Path:
    """The path of a model: where it is found first, else fetched into the first folder.

    Raises what `weights.check` and `download` do.
    """
    path = weights.find(model, folders)
    if path is None:
        return (download_pack if model.pack else download)(model, folders[0], source, progress)
    weights.check(path, model)
    return path


def download_pack(model: ModelFile, folder: Path, source: Source, progress: Progress = unheard) -> Path:
    """The folder of a pack in `folder`, unpacked from its archive, which does not stay.

    Raises what `download` and `packs.unpacked` do.
    """
    if source.forbidden_by and not (folder / model.name).is_file():
        raise FetchingForbidden(model.name, str(folder), source.forbidden_by)
    target = folder / str(model.pack)
    with _own_faults(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with _own_faults(target), alone(folder / f".{model.name}.lock"):
        if not any(target.glob("*.onnx")):  # nobody has made it while this process waited
            archive = download(model, folder, source, progress)
            packs.unpacked(archive, model, target)
            archive.unlink()
    return target


def download(
    model: ModelFile,
    folder: Path,
    source: Source,
    progress: Progress = unheard,
    patience: Patience = Patience(),
) -> Path:
    """The path of a model in `folder`, fetched unless it is there; a second process that wants it waits for
    the first.

    Raises `WrongDigest` for another file of that name, `FetchingForbidden`, `DownloadFailed`,
    `WrongDownload`, `NoRoomForModel` and `FolderUnusable`.
    """
    target = folder / model.name
    if target.exists():
        weights.check(target, model)
        return target
    if source.forbidden_by:
        raise FetchingForbidden(model.name, str(folder), source.forbidden_by)
    with _own_faults(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with _held(_part_of(target)) as descriptor:
        if target.exists():  # whoever held the part before has finished it
            _part_of(target).unlink()
            weights.check(target, model)
        else:
            _Download(model, target, source.url(model), descriptor, progress).finish(patience)
    return target


class _Download:
    """One file on its way into an open and locked `.part`; beside it a note of what that is a part of,
    for whoever goes on.
    """

    def __init__(self, model: ModelFile, target: Path, url: str, descriptor: int, progress: Progress) -> None:
        self.model, self.target, self.url, self.descriptor, self.progress = (
            model,
            target,
            url,
            descriptor,
            progress,
        )
        self.part = _part_of(target)
        self.note = self.part.with_name(f"{self.part.name}.json")

    def finish(self, patience: Patience) -> None:
        """Fetch what is missing, check it, and give it its name, to stay through a power cut."""
        from actors.atomic_files import sync_folder

        self._fetch(patience)
        digest = self._checked()
        with _own_faults(self.target):
            os.fsync(self.descriptor)
            if self.model.sha256 is None:
                weights.record(self.target.parent, self.model, digest, self.url)
            self.part.rename(self.target)
            self.note.unlink(missing_ok=True)
            sync_folder(self.target.parent)

    def _fetch(self, patience: Patience) -> None:
        for attempt in range(1, patience.attempts + 1):
            try:
                return self._attempt(patience.timeout_s)
            except NoRoomForModel:
                self._discard()  # a full disk is in everybody's way
                raise
            except Refused as error:
                raise DownloadFailed(self.model.name, self.url, str(error)) from error
            except Passing as error:
                if attempt == patience.attempts:
                    raise DownloadFailed(
                        self.model.name, self.url, f"{error}, {counted(attempt, 'attempt')}"
                    ) from error
                time.sleep(patience.backoff_s * 2 ** (attempt - 1))
        raise ValueError(f"{patience.attempts} attempts are none")

    def _attempt(self, timeout_s: float) -> None:
        known, have = self._noted(), os.fstat(self.descriptor).st_size
        if known and known.url == self.url and known.total == have:
            return  # all of it is here: the process that fetched it ended before it could say so
        with asked(self.url, known, have, timeout_s) as answer:
            if answer.at is None:
                self._begin(None)
                raise Passing("the server sent another part than was asked for")
            self._take(answer, answer.at)

    def _take(self, answer: Answer, done: int) -> None:
        total = self.model.size_bytes if answer.total is None else answer.total
        self._refuse_unsafe(answer.url)
        if not done:
            self._begin(Part(self.url, answer.validator, total))
        _refuse_full_disk(self.target, total - done)
        os.lseek(self.descriptor, done, os.SEEK_SET)
        self.progress(done, total)
        while piece := answer.read():
            if done + len(piece) > total:
                raise Refused(f"it sent more than the {total:,} bytes there should be")
            self._write(piece)
            done += len(piece)
            self.progress(done, total)
        if done < total:
            raise Passing(f"the connection was cut after {done:,} of {total:,} bytes")

    def _write(self, piece: bytes) -> None:
        rest = memoryview(piece)
        with _own_faults(self.target):
            while rest:
                rest = rest[os.write(self.descriptor, rest) :]

    def _begin(self, part: Part | None) -> None:
        with _own_faults(self.target):
            os.ftruncate(self.descriptor, 0)
            self.note.write_text(json.dumps(asdict(part)) if part else "")

    def _noted(self) -> Part | None:
        try:
            return Part(**json.loads(self.note.read_bytes()))
        except (FileNotFoundError, ValueError, TypeError):  # none, or written halfway
            return None

    def _refuse_unsafe(self, url: str) -> None:
        parts = urlsplit(url)
        if self.model.sha256 is None and parts.scheme != "https" and parts.hostname not in LOOPBACK:
            raise Refused("its digest is not known beforehand, so only https can be trusted")

    def _checked(self) -> str:
        digest = digest_of(self.part)
        if self.model.sha256 not in (None, digest):
            self._discard()
            raise WrongDownload(self.url, digest, self.model.sha256)
        return digest

    def _discard(self) -> None:
        self.note.unlink(missing_ok=True)
        self.part.unlink(missing_ok=True)


def _part_of(target: Path) -> Path:
    return target.with_name(f"{target.name}.part")


def _refuse_full_disk(target: Path, needed: int) -> None:
    free = shutil.disk_usage(target.parent).free
    if needed > free:
        raise NoRoomForModel(str(target), f"{size(needed)} are missing, {size(free)} are free")


@contextmanager
def _own_faults(path: Path) -> Iterator[None]:
    """Turns the operating system's refusals to write into ours: the network's are others."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise (NoRoomForModel if error.errno in NO_ROOM else FolderUnusable)(str(path), reason) from error


@contextmanager
def _held(part: Path) -> Iterator[int]:
    """A descriptor of `part`, which is made if need be, locked until the kernel sees it closed, however its
    holder ends.

    The holder before may have renamed or removed the file while this process waited: then it takes the one
    there is now.
    """
    while True:
        with _own_faults(part):
            descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            with _own_faults(part):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_same(descriptor, part):
                yield descriptor
                return
        finally:
            os.close(descriptor)


def _is_same(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
