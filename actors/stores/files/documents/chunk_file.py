"""Reads and writes a committed chunk as one file: its manifest line, its rows and its numbers.

The name has the frames, the length and the place in the order of commits: `FIRST-COUNT-BYTES.SERIAL.chunk`.
A file of another length than its name says was cut off and does not count. Two chunks may overlap after a
kill between the writing of one and the removal of the other; the later one counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from actors.stores.encoding import rows
from schemas.annotations.annotation import Annotation
from schemas.work.chunk import WorkKey
from schemas.work.manifest import ChunkCommit, ManifestLine

_NAME: Final = re.compile(r"(\d+)-(\d+)-(\d+)\.(\d+)\.chunk")


@dataclass(frozen=True, slots=True)
class ChunkFile:
    """A chunk file as described by its name; frames are `[first_frame, first_frame + frame_count)`."""

    path: Path
    first_frame: int
    frame_count: int
    serial: int

    @property
    def frames(self) -> range:
        return range(self.first_frame, self.first_frame + self.frame_count)

    def overlaps(self, other: range) -> bool:
        """Whether the frames overlap or begin at the same frame: a chunk may have no frames."""
        return self.first_frame == other.start or (
            self.frames.start < other.stop and other.start < self.frames.stop
        )

    def line(self, key: WorkKey) -> ManifestLine:
        """The manifest line; the rest of the file is not read."""
        with self.path.open("rb") as file:
            return rows.line_from(key, json.loads(file.readline()))

    def annotations(self) -> list[Annotation]:
        with self.path.open("rb") as file:
            file.readline()
            return [Annotation.from_data(data) for data in json.loads(file.readline())]

    def payload(self) -> bytes:
        return self.path.read_bytes().split(b"\n", 2)[2]


def chunk_bytes(commit: ChunkCommit) -> bytes:
    """The content of a chunk file: manifest line and rows (JSON, one line each), then the payload."""
    line: dict[str, Any] = rows.line_row(commit.line)
    data = [annotation.to_data() for annotation in commit.annotations]
    return b"\n".join([json.dumps(line).encode(), json.dumps(data, allow_nan=False).encode(), commit.payload])


def chunk_name(line: ManifestLine, size: int, serial: int) -> str:
    """The name of a chunk's file."""
    return f"{line.first_frame:012d}-{line.frame_count:09d}-{size}.{serial:06d}.chunk"


def chunk_files(folder: Path) -> list[ChunkFile]:
    """Every chunk file in a folder that is not cut off, whether it counts or not."""
    named = ((path, _NAME.fullmatch(path.name)) for path in folder.glob("*.chunk"))
    whole = (
        (path, [int(part) for part in name.groups()])
        for path, name in named
        if name and path.stat().st_size == int(name[3])
    )
    return [ChunkFile(path, first, count, serial) for path, (first, count, _, serial) in whole]


def chunks_in_force(files: Iterable[ChunkFile]) -> list[ChunkFile]:
    """The chunks that count, by start: a later commit replaces earlier ones that it overlaps."""
    by_start = sorted(files, key=lambda chunk: chunk.first_frame)
    if not any(chunk.overlaps(following.frames) for chunk, following in pairwise(by_start)):
        return by_start
    kept: list[ChunkFile] = []
    for chunk in sorted(by_start, key=lambda chunk: -chunk.serial):
        if not any(chunk.overlaps(later.frames) for later in kept):
            kept.append(chunk)
    return sorted(kept, key=lambda chunk: chunk.first_frame)
