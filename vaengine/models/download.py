"""Downloads of model files: by pooch, by one process at a time, named only when whole and right."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from actors.model_files import offline
from schemas.errors import FetchingForbidden, FolderUnusable, NoRoomForModel, UsageError, WrongDownload
from schemas.settings.models import ModelFile
from vaengine.console.units import size
from vaengine.models import packs, weights

Progress = Callable[[int, int], None]  # bytes received, bytes in all; an exception from it ends the download

NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, slots=True)
class DownloadSource:
    """Where files come from: their own addresses, or `mirror`/NAME; nowhere where a variable forbids it."""

    mirror: str | None = None
    forbidden_by: str | None = None

    def __post_init__(self) -> None:
        if self.mirror and urlsplit(self.mirror).scheme not in ("https", "http"):
            example = "https://mirror.example/models"
            raise UsageError(f"VAENGINE_MODELS_URL is an address such as {example}, not {self.mirror!r}")

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> DownloadSource:
        """As `VAENGINE_MODELS_URL` and `VAENGINE_OFFLINE` say; raises `UsageError`."""
        return cls(environment.get("VAENGINE_MODELS_URL") or None, offline.forbidden_by(environment))

    @property
    def offline(self) -> bool:
        return self.forbidden_by is not None

    def url(self, model: ModelFile) -> str:
        return f"{self.mirror.rstrip('/')}/{model.name}" if self.mirror else model.url


def no_progress(done: int, total: int) -> None:
    """Progress that nobody looks at."""


def obtain(
    model: ModelFile, folders: Sequence[Path], source: DownloadSource, progress: Progress = no_progress
) -> Path:
    """The path of a model: where it is found first, else downloaded into the first folder.

    Raises what `weights.check` and `download` do.
    """
    path = weights.find(model, folders)
    if path is None:
        return download(model, folders[0], source, progress)
    weights.check(path, model)
    return path


def download(
    model: ModelFile, folder: Path, source: DownloadSource, progress: Progress = no_progress
) -> Path:
    """The path of a model in `folder`, a folder for a pack; other processes that want it wait for the first.

    The archive of a pack is removed once it is unpacked. Raises `WrongDigest` for another file of that name,
    `FetchingForbidden`, `DownloadFailed`, `WrongDownload`, `NoRoomForModel`, `FolderUnusable`, and
    `DamagedWeights` for an archive that is none.
    """
    from filelock import FileLock

    file = folder / model.name
    if source.forbidden_by and not file.is_file():
        raise FetchingForbidden(model.name, str(folder), source.forbidden_by)
    with _write_errors(file):
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f".{model.name}.lock"):
            if model.pack and packs.has_models(folder / model.pack):
                return folder / model.pack
            if file.exists():
                weights.check(file, model)
            else:
                _fetch(model, file, source.url(model), progress)
            return packs.unpacked(file, model, folder / model.pack) if model.pack else file


def _fetch(model: ModelFile, target: Path, url: str, progress: Progress) -> None:
    """Download into a scratch folder, where pooch checks the digest, then give the file its name for good."""
    import pooch

    from actors.atomic_files import put_new
    from vaengine.models.http_downloader import HttpDownloader

    pooch.get_logger().setLevel("WARNING")
    downloader = HttpDownloader(model, progress)
    with _scratch_folder(target) as scratch:
        _refuse_full_disk(target, model.size_bytes)
        try:
            pooch.retrieve(url, model.sha256, target.name, scratch, downloader=downloader)
        except ValueError as error:  # what pooch raises for another digest
            raise WrongDownload(url, downloader.digest, str(model.sha256)) from error
        if model.sha256 is None:
            weights.record(target.parent, model, downloader.digest, url)
        (scratch / target.name).chmod(0o644)  # pooch's temporary files can be read by their owner only
        put_new(scratch / target.name, target)


@contextmanager
def _scratch_folder(target: Path) -> Iterator[Path]:
    """An empty folder beside `target`, removed afterwards; by its fixed name, what a kill left goes too."""
    folder = target.with_name(f".{target.name}.part")
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _refuse_full_disk(target: Path, needed: int) -> None:
    free = shutil.disk_usage(target.parent).free
    if needed > free:
        raise NoRoomForModel(str(target), f"{size(needed)} are missing, {size(free)} are free")


@contextmanager
def _write_errors(path: Path) -> Iterator[None]:
    """Turns the operating system's refusals to write into `NoRoomForModel` and `FolderUnusable`."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise (NoRoomForModel if error.errno in NO_ROOM else FolderUnusable)(str(path), reason) from error
