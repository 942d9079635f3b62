"""A folder as a zip archive that is sent while it is made."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PIECE_BYTES: Final = 1 << 20


class _Pieces(io.RawIOBase):
    """Keeps what is written until it is taken."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = bytes(data)  # type: ignore[call-overload]  # any buffer
        self._pieces.append(piece)
        return len(piece)

    def taken(self) -> list[bytes]:
        pieces, self._pieces = self._pieces, []
        return pieces


def zipped(folder: Path) -> Iterator[bytes]:
    """The files below a folder as an archive, in order of their names, piece by piece; links are left out."""
    pieces = _Pieces()
    with zipfile.ZipFile(pieces, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()):
            yield from _packed(archive, path, f"{folder.name}/{path.relative_to(folder)}", pieces)
    yield from pieces.taken()


def _packed(archive: zipfile.ZipFile, path: Path, name: str, pieces: _Pieces) -> Iterator[bytes]:
    facts = zipfile.ZipInfo.from_file(path, name)
    facts.compress_type = zipfile.ZIP_DEFLATED
    with archive.open(facts, "w", force_zip64=True) as target, path.open("rb") as source:
        while data := source.read(PIECE_BYTES):
            target.write(data)
            yield from pieces.taken()
