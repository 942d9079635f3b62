"""One work key in a store of files: its chunks while it is in work, its result when it has ended.

`state.json` is written last and says what the result file must look like: length and generation. A result
file that does not, because it was cut off or belongs to somebody else by now, does not count, and the work is
to be done again.
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
from actors.stores.files.chunk_file import ChunkFile, chunk_bytes, chunk_files, chunk_name, live
from actors.stores.files.layout import FileLayout
from schemas.annotations import coco
from schemas.annotations.annotation import Annotation
from schemas.storage.backend import Embeddings
from schemas.work.chunk import WorkKey
from schemas.work.job import JobStatus, PipelineResult
from schemas.work.manifest import ChunkCommit, ManifestLine


@dataclass(frozen=True, slots=True)
class WorkItemFile:
    """What a store of files holds of one work key."""

    tree: FileLayout
    key: WorkKey

    def state(self) -> dict[str, Any] | None:
        """What was written when it ended, if its result file is still what it was then."""
        state = read_object(self.tree.state(self.key))
        return (
            state
            if state is not None
            and self._result_path(state) is not None
            and self._embeddings_are_whole(state)
            else None
        )

    def _embeddings_are_whole(self, state: Mapping[str, Any]) -> bool:
        path, digest = self.tree.embeddings(self.key), state.get("embeddings")
        return digest is None or (path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == digest)

    def complete(self) -> PipelineResult | None:
        """The result, if it is complete and whole."""
        state = self.state()
        done = state is not None and state["status"] == JobStatus.COMPLETED.value
        return rows.result_from(self.key.pipeline, state) if state and done else None

    def _result_path(self, state: Mapping[str, Any]) -> Path | None:
        key = self.key
        complete = state["status"] == JobStatus.COMPLETED.value
        places = (
            (self.tree.result(key), self.tree.older_result(key)) if complete else (self.tree.partial(key),)
        )
        return next((path for path in places if _is_whole(path, state["size"], state["digest"])), None)

    def result_path(self) -> Path | None:
        """The file that holds the result, complete or partial."""
        state = self.state()
        return self._result_path(state) if state else None

    def chunks(self) -> list[ChunkFile]:
        """Committed chunks that count, by start."""
        return live(chunk_files(self.tree.work(self.key)))

    def lines(self) -> list[ManifestLine]:
        """Manifest lines by start; kept in the state when it is complete and the chunks are gone."""
        state = self.state()
        if state and state["status"] == JobStatus.COMPLETED.value:
            return [rows.line_from(self.key, line) for line in state["lines"]]
        return [chunk.line(self.key) for chunk in self.chunks()]

    def frames_committed(self) -> int:
        """Frames in the manifest lines; a complete result may have none, when it was saved by hand."""
        complete = self.complete() is not None
        return sum(part.frame_count for part in (self.lines() if complete else self.chunks()))

    def annotations(self) -> list[Annotation]:
        """Rows in reading order: those of the result, where no later chunk has replaced them, and those
        of the chunks.
        """
        state, chunks = self.state(), self.chunks()
        if state is None:
            return _in_order(row for chunk in chunks for row in chunk.annotations())
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
        return _in_order([*unchanged, *(row for chunk in later for row in chunk.annotations())])

    def payloads(self) -> list[bytes]:
        """Payloads in order; none once it is complete."""
        return [] if self.complete() else [chunk.payload() for chunk in self.chunks()]

    def embeddings(self) -> Embeddings | None:
        """What was stored with the result, by annotation id."""
        state = self.state()
        if state is None or not state.get("embeddings"):
            return None
        with np.load(self.tree.embeddings(self.key)) as stored:
            return Embeddings(
                tuple(stored["annotation_ids"].tolist()), stored["vectors"], str(stored["model"])
            )

    def commit(self, commit: ChunkCommit) -> None:
        """Write one chunk, then remove those it replaces; a kill between the two is healed by `live`."""
        folder = self.tree.work(self.key)
        files = chunk_files(folder)
        data = chunk_bytes(rows.require_own_rows(commit))
        line = commit.line
        serial = 1 + max((chunk.serial for chunk in files), default=0)
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / chunk_name(line, len(data), serial), data, scratch=self.tree.scratch)
        frames = range(line.first_frame, line.first_frame + line.frame_count)
        for chunk in files:
            if chunk.overlaps(frames):
                chunk.path.unlink()

    def conclude(
        self,
        result: PipelineResult,
        document: bytes,
        lines: Sequence[ManifestLine],
        embeddings: Embeddings | None,
        *,
        place: Path | None = None,
    ) -> Path:
        """Write the result file (at `place` if it is kept elsewhere) and its embeddings, then the state
        that makes them count.
        """
        complete = result.status is JobStatus.COMPLETED
        path = place or (self.tree.result(self.key) if complete else self.tree.partial(self.key))
        state = rows.status_row(result) | {
            "size": len(document),
            "lines": [rows.line_row(line) for line in lines],
            "absorbed": [chunk.path.name for chunk in self.chunks()],
        }
        self.tree.work(self.key).mkdir(parents=True, exist_ok=True)
        if embeddings is not None and embeddings.annotation_ids:
            data = embeddings_bytes(embeddings)
            state["embeddings"] = hashlib.sha256(data).hexdigest()
            write_atomic(self.tree.embeddings(self.key), data, scratch=self.tree.scratch)
        else:
            self.tree.embeddings(self.key).unlink(missing_ok=True)
        write_atomic(path, document, scratch=self.tree.scratch)
        write_atomic(
            self.tree.state(self.key), json.dumps(state, indent=1).encode(), scratch=self.tree.scratch
        )
        return path

    def is_overwritten(self) -> bool:
        """Whether it was complete, but its result file is damaged or somebody else's by now."""
        state = read_object(self.tree.state(self.key))
        return (
            state is not None
            and state["status"] == JobStatus.COMPLETED.value
            and self._result_path(state) is None
        )

    def has_chunks(self) -> bool:
        """Whether there is anything that a complete result no longer needs."""
        return self.tree.partial(self.key).exists() or bool(chunk_files(self.tree.work(self.key)))

    def drop_chunks(self) -> None:
        """Remove what a complete result no longer needs."""
        self.tree.partial(self.key).unlink(missing_ok=True)
        for chunk in chunk_files(self.tree.work(self.key)):
            chunk.path.unlink()

    def set_aside(self) -> None:
        """Keep a complete result beside the one that is about to take its name."""
        if self.complete() and self.result_path() == self.tree.result(self.key):
            older = self.tree.older_result(self.key)
            older.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(older, self.tree.result(self.key).read_bytes(), scratch=self.tree.scratch)

    def clear(self) -> None:
        """Remove everything of this key but a result file that another key has taken over by now."""
        self.tree.state(self.key).unlink(missing_ok=True)
        self.tree.partial(self.key).unlink(missing_ok=True)
        self.tree.older_result(self.key).unlink(missing_ok=True)
        if self.tree.work(self.key).is_dir():
            shutil.rmtree(self.tree.work(self.key))


def embeddings_bytes(embeddings: Embeddings) -> bytes:
    """As an .npz file, by annotation id: `annotation_ids`, `vectors` N x D float32, `model`."""
    order = np.argsort(embeddings.annotation_ids)
    buffer = io.BytesIO()
    np.savez(
        buffer,
        annotation_ids=np.array(embeddings.annotation_ids)[order],
        vectors=embeddings.vectors[order],
        model=np.array(embeddings.model),
    )
    return buffer.getvalue()


def _in_order(found: Iterable[Annotation]) -> list[Annotation]:
    return sorted(found, key=coco.reading_order)


def _is_whole(path: Path, size: int, generation: str) -> bool:
    try:
        with path.open("rb") as file:
            if file.seek(0, 2) != size:
                return False
            file.seek(max(0, size - coco.TAIL_BYTES))
            return coco.generation_of(file.read()) == generation
    except (FileNotFoundError, NotADirectoryError):
        return False
