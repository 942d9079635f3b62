"""One committed chunk as one file: its manifest line, its rows and its numbers.

The name says which frames it holds, how long it is, and its place in the order of commits:
`FIRST-COUNT-BYTES.SERIAL.chunk`. A file of another length than its name says was cut off and does not count.
Where two overlap, as after a kill between the writing of one and the removal of another, the later one
counts.
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
    """A chunk that is there, known by its name; frames are `[first_frame, first_frame + frame_count)`."""

    path: Path
    first_frame: int
    frame_count: int
    serial: int

    @property
    def frames(self) -> range:
        return range(self.first_frame, self.first_frame + self.frame_count)

    def overlaps(self, other: range) -> bool:
        """Whether they share a frame, or begin at the same one: a chunk in which nothing was found has
        none.
        """
        return self.first_frame == other.start or (
            self.frames.start < other.stop and other.start < self.frames.stop
        )

    def line(self, key: WorkKey) -> ManifestLine:
        """The manifest line, without reading what comes after it."""
        with self.path.open("rb") as file:
            return rows.line_from(key, json.loads(file.readline()))

    def annotations(self) -> list[Annotation]:
        with self.path.open("rb") as file:
            file.readline()
            return [Annotation.from_data(data) for data in json.loads(file.readline())]

    def payload(self) -> bytes:
        return self.path.read_bytes().split(b"\n", 2)[2]


def chunk_bytes(commit: ChunkCommit) -> bytes:
    """What a chunk's file holds: the line, the rows (JSON, a line each), then the payload as it is."""
    head: dict[str, Any] = rows.line_row(commit.line)
    data = [annotation.to_data() for annotation in commit.annotations]
    return b"\n".join([json.dumps(head).encode(), json.dumps(data, allow_nan=False).encode(), commit.payload])


def chunk_name(line: ManifestLine, size: int, serial: int) -> str:
    """The name of a chunk's file."""
    return f"{line.first_frame:012d}-{line.frame_count:09d}-{size}.{serial:06d}.chunk"


def chunk_files(folder: Path) -> list[ChunkFile]:
    """Every whole chunk file in a folder, whether it counts or not."""
    found = ((path, _NAME.fullmatch(path.name)) for path in folder.glob("*.chunk"))
    whole = (
        (path, [int(part) for part in name.groups()])
        for path, name in found
        if name and path.stat().st_size == int(name[3])
    )
    return [ChunkFile(path, first, count, serial) for path, (first, count, _, serial) in whole]


def live(files: Iterable[ChunkFile]) -> list[ChunkFile]:
    """Those that count, by start: later commits hide the earlier ones they overlap."""
    by_start = sorted(files, key=lambda chunk: chunk.first_frame)
    if not any(chunk.overlaps(following.frames) for chunk, following in pairwise(by_start)):
        return by_start
    kept: list[ChunkFile] = []
    for chunk in sorted(by_start, key=lambda chunk: -chunk.serial):
        if not any(chunk.overlaps(later.frames) for later in kept):
            kept.append(chunk)
    return sorted(kept, key=lambda chunk: chunk.first_frame)
