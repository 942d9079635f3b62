"""Removing from a store of files.

What is to go is noted in one file before anything does, and that file goes last: whoever removes next first
carries out to its end what a kill has cut off.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from actors.atomic_files import read_object, write_atomic
from actors.stores.files.layout import FileLayout
from actors.stores.files.leases import FileRuns
from actors.stores.files.registry import Registry
from actors.stores.files.removal import Removal
from actors.stores.files.work_item import WorkItemFile
from actors.stores.rules.erasure import PersonErasure
from actors.stores.rules.erasure_text import require_all_inside
from actors.stores.rules.pruning import PruneDecision
from actors.stores.rules.transitions import keys_of, now
from schemas.annotations.annotation import Annotation
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob

_DISKS: Final = (
    "removed files may be on the disk until it writes over them, and in snapshots and backups of the folder"
)

Order = dict[str, Any]  # JSON


@dataclass(frozen=True, slots=True)
class FileRemover:
    """See `backend.transaction.Remover`; the caller holds the store unless it is a dry run."""

    register: Registry
    leases: FileRuns
    dry_run: bool = False
    remains: tuple[str, ...] = (_DISKS,)

    @property
    def _tree(self) -> FileLayout:
        return self.register.tree

    def require_inside(self, video_ids: Iterable[str]) -> None:
        for video_id in video_ids:
            require_all_inside(self._tree.folder(video_id), self._tree.base)

    def key_bytes(self, jobs: Sequence[BatchJob]) -> dict[WorkKey, int]:
        keys, removal = (
            dict.fromkeys(key for job in jobs for key in keys_of(job).values()),
            Removal(self.register),
        )
        return {key: removal.key_bytes(key) for key in keys}

    def video_bytes(self, jobs: Sequence[BatchJob]) -> dict[str, int]:
        removal = Removal(self.register)
        return {
            video_id: removal.video_bytes(video_id)
            for video_id in dict.fromkeys(job.video_id for job in jobs)
        }

    def rows_of(self, key: WorkKey) -> list[Annotation]:
        return WorkItemFile(self._tree, key).annotations()

    def has_rows(self, key: WorkKey) -> bool:
        work = WorkItemFile(self._tree, key)
        return bool(work.chunks() or work.annotations())

    def drop_jobs(
        self, decision: PruneDecision, epochs: Collection[int], siblings: Sequence[BatchJob]
    ) -> Counter[str]:
        order = {
            "jobs": [[job.video_id, job.job_id] for job in decision.jobs],
            "keys": [_plain(key) for key in decision.keys],
            "videos": list(decision.videos),
            "epochs": list(epochs),
        }
        return self._carried_out(order)

    def drop_video(self, video_id: str, jobs: Sequence[BatchJob], paths: Collection[str]) -> Counter[str]:
        asked = [key for job in jobs for key in keys_of(job).values()]
        keys = [_plain(key) for key in dict.fromkeys([*self._tree.keys_of(video_id), *asked])]
        order = {
            "video": video_id,
            "paths": sorted(paths),
            "jobs": [job.job_id for job in jobs],
            "keys": keys,
        }
        if not self.dry_run and not any(batch.alive for batch in self.leases.batches(now())):
            for leftover in self._tree.scratch.iterdir():
                leftover.unlink()
        return self._carried_out(order)

    def drop_persons(self, persons: Sequence[PersonErasure]) -> Counter[str]:
        return self._carried_out({"persons": list(map(_person_order, persons))})

    def _carried_out(self, order: Order) -> Counter[str]:
        """Note what is to go, have it go, and forget the note; or only count it."""
        if self.dry_run:
            return Removal(self.register, dry_run=True).carry_out(order)
        write_atomic(self._tree.removal, json.dumps(order).encode(), scratch=self._tree.scratch)
        return self.carry_to_its_end()

    def carry_to_its_end(self) -> Counter[str]:
        """Have everything go that is noted."""
        order = read_object(self._tree.removal)
        counts = Removal(self.register).carry_out(order) if order else Counter[str]()
        self._tree.removal.unlink(missing_ok=True)
        return counts


def _plain(key: WorkKey) -> list[str]:
    return [key.video_id, key.pipeline, key.config_hash]


def _person_order(person: PersonErasure) -> Order:
    return {
        "video": person.video_id,
        "labels": [[_plain(key), sorted(own)] for key, own in person.labels.items()],
        "redone": [_plain(key) for key in person.unfinished],
        "faces": sorted(person.faces),
    }
