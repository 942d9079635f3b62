"""A result in a store of files that loses rows: its file, its embeddings, its projections, its counts."""

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
from actors.stores.files.job_log import FileJobLog
from actors.stores.files.jobs import FileJobs
from actors.stores.files.registry import Registry
from actors.stores.files.work_item import WorkItemFile
from actors.stores.rules.erasure import recount_result, rows_without
from actors.stores.rules.transitions import keys_of
from schemas.annotations import coco
from schemas.annotations.annotation import Annotation
from schemas.storage.backend import Embeddings
from schemas.storage.retention import Label
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob


@dataclass(frozen=True, slots=True)
class RedactedResult:
    """Works from what is in the files, whether the state beside them was written after them or a kill
    came between.
    """

    register: Registry
    key: WorkKey
    dry_run: bool = False

    @property
    def work(self) -> WorkItemFile:
        return WorkItemFile(self.register.tree, self.key)

    def without(self, labels: frozenset[Label]) -> Counter[str]:
        """Take the rows of these labels out; returns what went, by kind."""
        place, document = next(self._documents(), (None, None))
        state = read_object(self.register.tree.state(self.key))
        if place is None or document is None or state is None:
            return Counter()
        before, embedded = coco.annotations_of(document), self._embeddings()
        after = rows_without(before, labels)
        kept = {row.annotation_id for row in after}
        counts = Counter(
            annotations=len(before) - len(after),
            embeddings=sum(one not in kept for one in embedded.annotation_ids) if embedded else 0,
        )
        if not self.dry_run and (before != after or self.work.state() is None or counts.total()):
            self._write(place, state, after, embedded and _of(embedded, kept))
        if not self.dry_run:
            self._tell(after)
        return counts

    def _documents(self) -> Any:
        """Where the result of this key is, and what it says: another's may have its usual place."""
        for path in (self.register.tree.result(self.key), self.register.tree.older_result(self.key)):
            found = read_object(path)
            if found and found.get("info", {}).get("config_hash") == self.key.config_hash:
                yield path, found

    def _embeddings(self) -> Embeddings | None:
        path = self.register.tree.embeddings(self.key)
        if not path.is_file():
            return None
        with np.load(path) as stored:
            return Embeddings(
                tuple(stored["annotation_ids"].tolist()), stored["vectors"], str(stored["model"])
            )

    def _write(
        self, place: Path, state: rows.Row, left: Sequence[Annotation], embedded: Embeddings | None
    ) -> None:
        tree, key = self.register.tree, self.key
        facts = self.register.video(key.video_id)
        video = rows.video_from(facts) if facts else None
        result = recount_result(rows.result_from(key.pipeline, state), left)
        if place == tree.result(key):
            for name, data in sidecars(key.pipeline, video, left).items():
                write_or_remove(tree.folder(key.video_id) / name, data, scratch=tree.scratch)
        lines = [rows.line_from(key, line) for line in state["lines"]]
        self.work.conclude(
            result, pipeline_bytes(self._jobs()[0], result, video, left), lines, embedded, place=place
        )

    def _jobs(self) -> list[BatchJob]:
        return [job for job in self.register.jobs_of(self.key.video_id) if self.key in keys_of(job).values()]

    def _tell(self, left: Sequence[Annotation]) -> None:
        """Counts and digests of jobs, and a line in their logs."""
        recount(FileJobs(self.register), FileJobLog(self.register.tree), self.key, left)

    def cleared(self) -> Counter[str]:
        """Take out all that work which has not ended has stored."""
        counts = Counter(chunks=len(self.work.chunks()), annotations=len(self.work.annotations()))
        if not self.dry_run:
            self.work.clear()
            self._tell([])
        return counts


def _of(embedded: Embeddings, kept: set[str]) -> Embeddings:
    places = [place for place, one in enumerate(embedded.annotation_ids) if one in kept]
    return Embeddings(
        tuple(embedded.annotation_ids[place] for place in places), embedded.vectors[places], embedded.model
    )
