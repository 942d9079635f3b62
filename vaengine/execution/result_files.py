"""The folder of one video's files: on a disk, or below a prefix of an object store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from actors.atomic_files import storage_errors, write_or_remove
from actors.sources.writing import object_size, object_tail, put_object, remove_object
from actors.stores.rules.erasure_text import require_inside


class ResultFiles(Protocol):
    """Files by name; each is written whole or not at all."""

    def tail(self, name: str, size_bytes: int) -> bytes | None:
        """The last bytes of a file; None where there is none."""

    def size(self, name: str) -> int | None:
        """The size of a file in bytes; None where there is none."""

    def write(self, name: str, data: bytes) -> None:
        """Replace a file; without data there is none afterwards."""


@dataclass(frozen=True, slots=True)
class FolderFiles:
    """Files in a folder, which is made."""

    folder: Path

    @classmethod
    def of(cls, out: Path, video_id: str) -> FolderFiles:
        """Raises `LeadsOut`, `StoreUnreachable` and its like."""
        folder = out / video_id
        require_inside(folder, out)
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        return cls(folder)

    def tail(self, name: str, size_bytes: int) -> bytes | None:
        try:
            with (self.folder / name).open("rb") as file:
                file.seek(0, 2)
                file.seek(max(0, file.tell() - size_bytes))
                return file.read()
        except OSError:
            return None

    def size(self, name: str) -> int | None:
        try:
            return (self.folder / name).stat().st_size
        except OSError:
            return None

    def write(self, name: str, data: bytes) -> None:
        write_or_remove(self.folder / name, data)


@dataclass(frozen=True, slots=True)
class ObjectFiles:
    """Files as objects below a URL."""

    url: str

    @classmethod
    def of(cls, base_url: str, video_id: str) -> ObjectFiles:
        return cls(f"{base_url.rstrip('/')}/{video_id}")

    def tail(self, name: str, size_bytes: int) -> bytes | None:
        return object_tail(f"{self.url}/{name}", size_bytes)

    def size(self, name: str) -> int | None:
        return object_size(f"{self.url}/{name}")

    def write(self, name: str, data: bytes) -> None:
        if data:
            put_object(f"{self.url}/{name}", data)
        else:
            remove_object(f"{self.url}/{name}")


def files_in(out: Path | str, video_id: str) -> ResultFiles:
    """The files of a video in a folder of results, or below a URL; raises what `FolderFiles.of` raises."""
    return FolderFiles.of(out, video_id) if isinstance(out, Path) else ObjectFiles.of(out, video_id)
