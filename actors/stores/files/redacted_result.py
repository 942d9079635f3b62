"""Erases rows from a result in a store of files: from its file, embeddings, files beside it and counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from actors.atomic_files import read_object, write_or_remove
from actors.stores.backend.recount import recount
from actors.stores.encoding import rows
from actors.stores.encoding.documents import pipeline_bytes, sidecars
from actors.stores.files.documents.job_log import FileJobLog
from actors.stores.files.documents.work_item import WorkItemFile
from actors.stores.files.jobs import FileJobs
from actors.stores.files.registry import Registry
from actors.stores.rules.erasure import recount_result, rows_without
from actors.stores.rules.states import keys_of
from schemas.annotations import coco
from schemas.annotations.annotation import Annotation
from schemas.storage.backend import Embeddings
from schemas.storage.retention import Label
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob


@dataclass(frozen=True, slots=True)
class RedactedResult:
    """A result from which rows are erased; it is read from its file, since its state may be older."""

    registry: Registry
    key: WorkKey
    dry_run: bool = False

    @property
    def work(self) -> WorkItemFile:
        return WorkItemFile(self.registry.layout, self.key)

    def erase_labels(self, labels: frozenset[Label]) -> Counter[str]:
        """Erase the rows of these labels; returns the counts of what was removed, by kind."""
        path, document = next(self._documents(), (None, None))
        state = read_object(self.registry.layout.state(self.key))
        if path is None or document is None or state is None:
            return Counter()
        before, embeddings = coco.annotations_of(document), self._embeddings()
        after = rows_without(before, labels)
        kept = {row.annotation_id for row in after}
        counts = Counter(
            annotations=len(before) - len(after),
            embeddings=sum(annotation_id not in kept for annotation_id in embeddings.annotation_ids)
            if embeddings
            else 0,
        )
        if not self.dry_run and (before != after or self.work.state() is None or counts.total()):
            self._write(path, state, after, embeddings and _embeddings_of(embeddings, kept))
        if not self.dry_run:
            self._update_jobs(after)
        return counts

    def _documents(self) -> Any:
        """The path and the content of this key's result: another key's may have the usual path."""
        for path in (self.registry.layout.result(self.key), self.registry.layout.older_result(self.key)):
            document = read_object(path)
            if document and document.get("info", {}).get("config_hash") == self.key.config_hash:
                yield path, document

    def _embeddings(self) -> Embeddings | None:
        path = self.registry.layout.embeddings(self.key)
        if not path.is_file():
            return None
        with np.load(path) as stored:
            return Embeddings(
                tuple(stored["annotation_ids"].tolist()), stored["vectors"], str(stored["model"])
            )

    def _write(
        self, path: Path, state: rows.Row, remaining: Sequence[Annotation], embeddings: Embeddings | None
    ) -> None:
        layout, key = self.registry.layout, self.key
        facts = self.registry.video(key.video_id)
        video = rows.video_from(facts) if facts else None
        result = recount_result(rows.result_from(key.pipeline, state), remaining)
        if path == layout.result(key):
            for name, data in sidecars(key.pipeline, video, remaining).items():
                write_or_remove(layout.folder(key.video_id) / name, data, scratch=layout.scratch)
        lines = [rows.line_from(key, line) for line in state["lines"]]
        self.work.write_result(
            result, pipeline_bytes(self._jobs()[0], result, video, remaining), lines, embeddings, path=path
        )

    def _jobs(self) -> list[BatchJob]:
        return [job for job in self.registry.jobs_of(self.key.video_id) if self.key in keys_of(job).values()]

    def _update_jobs(self, remaining: Sequence[Annotation]) -> None:
        """Update counts and digests in jobs, and add a line to their logs."""
        recount(FileJobs(self.registry), FileJobLog(self.registry.layout), self.key, remaining)

    def erase_unfinished(self) -> Counter[str]:
        """Erase everything of a key that has not ended; returns the counts by kind."""
        counts = Counter(chunks=len(self.work.chunks()), annotations=len(self.work.annotations()))
        if not self.dry_run:
            self.work.clear()
            self._update_jobs([])
        return counts


def _embeddings_of(embeddings: Embeddings, kept: set[str]) -> Embeddings:
    places = [place for place, annotation_id in enumerate(embeddings.annotation_ids) if annotation_id in kept]
    return Embeddings(
        tuple(embeddings.annotation_ids[place] for place in places),
        embeddings.vectors[places],
        embeddings.model,
    )
