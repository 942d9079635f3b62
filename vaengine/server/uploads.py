"""Videos that were sent to the server: each in a folder of its own, whole and probed, known by an id."""

from __future__ import annotations

import re
import shutil
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

from fastapi.concurrency import run_in_threadpool

from actors.atomic_files import storage_errors
from schemas.errors import NotFound, TooLarge, UsageError, VideoError
from vaengine.requests.inputs.media_kinds import SOUND_SUFFIXES, VIDEO_SUFFIXES, suffix_of

MAX_NAME_BYTES: Final = 200
KEPT_FREE_BYTES: Final = 2**30  # of the disk, which a run needs
_ID: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Uploads:
    """The uploads below a folder."""

    folder: Path
    max_bytes: int

    async def receive(self, name: str, stream: AsyncIterator[bytes], length: int | None) -> str:
        """Store what is sent under a name like this, and return the id; nothing of it stays if that fails.

        `length` is what the client said in advance. Raises `UsageError` for a name that is no video's,
        `TooLarge`, `VideoError` for what no video is, `DiskFull`.
        """
        kept = kept_name(name)
        if length is not None and length > self.max_bytes:
            raise TooLarge(kept, self.max_bytes)
        upload_id = uuid.uuid4().hex
        target = self.folder / upload_id / kept
        try:
            await self._write(target, stream)
            await run_in_threadpool(_require_media, target)
        except BaseException:
            shutil.rmtree(target.parent, ignore_errors=True)
            raise
        return upload_id

    def path_of(self, upload_id: str) -> Path:
        """The file of an upload; raises `NotFound`."""
        folder = self.folder / upload_id
        if _ID.fullmatch(upload_id) is None or not folder.is_dir():
            raise NotFound(f"upload {upload_id[:40]!r}", "this server")
        return next(folder.iterdir())

    async def _write(self, target: Path, stream: AsyncIterator[bytes]) -> None:
        with storage_errors(target):
            target.parent.mkdir(parents=True)
            free = shutil.disk_usage(target.parent).free - KEPT_FREE_BYTES
        size, most = 0, min(self.max_bytes, max(0, free))
        with storage_errors(target), target.open("xb") as file:
            async for part in stream:
                size += len(part)
                if size > most:
                    raise TooLarge(target.name, most)
                await run_in_threadpool(file.write, part)


def kept_name(name: str) -> str:
    """The name that an upload is stored by: the last part, without what a disk or a page may trip over.

    Raises `UsageError` unless it ends as names of videos and sounds do.
    """
    last = PurePath(name.replace("\\", "/")).name
    plain = "".join(letter if letter.isprintable() and letter not in '<>:"|?*' else "_" for letter in last)
    suffix = suffix_of(PurePath(plain))
    if suffix not in VIDEO_SUFFIXES | SOUND_SUFFIXES:
        raise UsageError(f"{plain[:80]!r} is no name of a video: it ends such as .mp4, .mkv or .wav")
    stem = PurePath(plain).stem.lstrip(".")[:MAX_NAME_BYTES] or "video"
    while len((stem + suffix).encode()) > MAX_NAME_BYTES:
        stem = stem[:-1]
    return stem + suffix


def _require_media(path: Path) -> None:
    """Raises `VideoError` unless a child process can read the file as a video or a sound."""
    from vaengine.planning.prober import Prober

    prober = Prober()
    try:
        found = prober.probe(str(path))
    finally:
        prober.close()
    if found.error is not None:
        text = str(found.error).replace(str(path), path.name)
        raise VideoError(path.name, text.removeprefix(f"{path.name}: "))
