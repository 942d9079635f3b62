"""Reads and writes one work key in a store of files: its chunks while it is in work, then its result.

`state.json` is written last and has the length and the generation of the result file. A result file that
does not match was cut off, or belongs to another key by now: it does not count, and the work is done again.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from actors.atomic_files import read_object, write_atomic
from actors.stores.encoding import rows
from actors.stores.files.documents.chunk_file import (
    ChunkFile,
    chunk_bytes,
    chunk_files,
    chunk_name,
    chunks_in_force,
)
from actors.stores.files.documents.layout import FileLayout
from schemas.annotations import coco
from schemas.annotations.annotation import Annotation
from schemas.storage.backend import Embeddings
from schemas.work.chunk import WorkKey
from schemas.work.job import JobStatus, PipelineResult
from schemas.work.manifest import ChunkCommit, ManifestLine


@dataclass(frozen=True, slots=True)
class WorkItemFile:
    """The files of one work key."""

    layout: FileLayout
    key: WorkKey

    def state(self) -> dict[str, Any] | None:
        """The state with which the key ended, if its result and its embeddings are still as written."""
        state = read_object(self.layout.state(self.key))
        if state is None or self._result_path(state) is None or not self._embeddings_are_whole(state):
            return None
        return state

    def _embeddings_are_whole(self, state: Mapping[str, Any]) -> bool:
        path, digest = self.layout.embeddings(self.key), state.get("embeddings")
        return digest is None or (path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == digest)

    def complete(self) -> PipelineResult | None:
        """The result, if the key is complete and its files are as written."""
        state = self.state()
        done = state is not None and state["status"] == JobStatus.COMPLETED.value
        return rows.result_from(self.key.pipeline, state) if state and done else None

    def _result_path(self, state: Mapping[str, Any]) -> Path | None:
        key = self.key
        complete = state["status"] == JobStatus.COMPLETED.value
        paths = (
            (self.layout.result(key), self.layout.older_result(key))
            if complete
            else (self.layout.partial(key),)
        )
        return next((path for path in paths if _is_whole(path, state["size"], state["digest"])), None)

    def result_path(self) -> Path | None:
        """The path of the result file, complete or partial."""
        state = self.state()
        return self._result_path(state) if state else None

    def chunks(self) -> list[ChunkFile]:
        """The committed chunks that count, by start."""
        return chunks_in_force(chunk_files(self.layout.work(self.key)))

    def lines(self) -> list[ManifestLine]:
        """The manifest lines by start; a complete key has them in its state, since the chunks are removed."""
        state = self.state()
        if state and state["status"] == JobStatus.COMPLETED.value:
            return [rows.line_from(self.key, line) for line in state["lines"]]
        return [chunk.line(self.key) for chunk in self.chunks()]

    def frames_committed(self) -> int:
        """The number of frames in the manifest; a result that was saved by hand may have none."""
        complete = self.complete() is not None
        return sum(part.frame_count for part in (self.lines() if complete else self.chunks()))

    def annotations(self) -> list[Annotation]:
        """The rows in reading order: of the result, except frames of later chunks, and of those chunks."""
        state, chunks = self.state(), self.chunks()
        if state is None:
            return _in_reading_order(row for chunk in chunks for row in chunk.annotations())
        path = self._result_path(state)
        kept = coco.annotations_of(json.loads(path.read_bytes())) if path else []
        if state["status"] == JobStatus.COMPLETED.value:
            return kept
        later = [chunk for chunk in chunks if chunk.path.name not in state["absorbed"]]
        replaced = [chunk.frames for chunk in later]
        unchanged = (
            row
            for row in kept
            if row.frame_number is None or not any(row.frame_number in frames for frames in replaced)
        )
        return _in_reading_order([*unchanged, *(row for chunk in later for row in chunk.annotations())])

    def payloads(self) -> list[bytes]:
        """The payloads in order; none once the key is complete."""
        return [] if self.complete() else [chunk.payload() for chunk in self.chunks()]

    def embeddings(self) -> Embeddings | None:
        """The embeddings of the result, by annotation id."""
        state = self.state()
        if state is None or not state.get("embeddings"):
            return None
        with np.load(self.layout.embeddings(self.key)) as stored:
            return Embeddings(
                tuple(stored["annotation_ids"].tolist()), stored["vectors"], str(stored["model"])
            )

    def commit(self, commit: ChunkCommit) -> None:
        """Write one chunk, then remove those that it replaces.

        After a kill between the two, `chunks_in_force` leaves out the replaced ones.
        """
        folder = self.layout.work(self.key)
        files = chunk_files(folder)
        data = chunk_bytes(rows.require_own_rows(commit))
        line = commit.line
        serial = 1 + max((chunk.serial for chunk in files), default=0)
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / chunk_name(line, len(data), serial), data, scratch=self.layout.scratch)
        frames = range(line.first_frame, line.first_frame + line.frame_count)
        for chunk in files:
            if chunk.overlaps(frames):
                chunk.path.unlink()

    def write_result(
        self,
        result: PipelineResult,
        document: bytes,
        lines: Sequence[ManifestLine],
        embeddings: Embeddings | None,
        *,
        path: Path | None = None,
    ) -> Path:
        """Write the embeddings and the result file, then the state that makes them count; returns the path.

        `path` is for a result that is kept at another path than the usual one.
        """
        complete = result.status is JobStatus.COMPLETED
        path = path or (self.layout.result(self.key) if complete else self.layout.partial(self.key))
        state = rows.status_row(result) | {
            "size": len(document),
            "lines": [rows.line_row(line) for line in lines],
            "absorbed": [chunk.path.name for chunk in self.chunks()],
        }
        self.layout.work(self.key).mkdir(parents=True, exist_ok=True)
        if embeddings is not None and embeddings.annotation_ids:
            data = embeddings_bytes(embeddings)
            state["embeddings"] = hashlib.sha256(data).hexdigest()
            write_atomic(self.layout.embeddings(self.key), data, scratch=self.layout.scratch)
        else:
            self.layout.embeddings(self.key).unlink(missing_ok=True)
        write_atomic(path, document, scratch=self.layout.scratch)
        write_atomic(
            self.layout.state(self.key), json.dumps(state, indent=1).encode(), scratch=self.layout.scratch
        )
        return path

    def is_overwritten(self) -> bool:
        """Whether the key was complete, but its result file is damaged or another key's by now."""
        state = read_object(self.layout.state(self.key))
        return (
            state is not None
            and state["status"] == JobStatus.COMPLETED.value
            and self._result_path(state) is None
        )

    def has_chunks(self) -> bool:
        """Whether there are files that a complete result does not need."""
        return self.layout.partial(self.key).exists() or bool(chunk_files(self.layout.work(self.key)))

    def drop_chunks(self) -> None:
        """Remove the files that a complete result does not need."""
        self.layout.partial(self.key).unlink(missing_ok=True)
        for chunk in chunk_files(self.layout.work(self.key)):
            chunk.path.unlink()

    def keep_as_older(self) -> None:
        """Copy a complete result to the path of older results, before another takes its name."""
        if self.complete() and self.result_path() == self.layout.result(self.key):
            older = self.layout.older_result(self.key)
            older.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(older, self.layout.result(self.key).read_bytes(), scratch=self.layout.scratch)

    def clear(self) -> None:
        """Remove all files of this key, except a result file that belongs to another key by now."""
        self.layout.state(self.key).unlink(missing_ok=True)
        self.layout.partial(self.key).unlink(missing_ok=True)
        self.layout.older_result(self.key).unlink(missing_ok=True)
        if self.layout.work(self.key).is_dir():
            shutil.rmtree(self.layout.work(self.key))


def embeddings_bytes(embeddings: Embeddings) -> bytes:
    """An .npz file, sorted by annotation id: `annotation_ids`, `vectors` N x D float32, `model`."""
    order = np.argsort(embeddings.annotation_ids)
    buffer = io.BytesIO()
    np.savez(
        buffer,
        annotation_ids=np.array(embeddings.annotation_ids)[order],
        vectors=embeddings.vectors[order],
        model=np.array(embeddings.model),
    )
    return buffer.getvalue()


def _in_reading_order(rows_found: Iterable[Annotation]) -> list[Annotation]:
    return sorted(rows_found, key=coco.reading_order)


def _is_whole(path: Path, size: int, generation: str) -> bool:
    try:
        with path.open("rb") as file:
            if file.seek(0, 2) != size:
                return False
            file.seek(max(0, size - coco.TAIL_BYTES))
            return coco.generation_of(file.read()) == generation
    except (FileNotFoundError, NotADirectoryError):
        return False
