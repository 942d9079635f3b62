"""Removes jobs, videos and persons from a store of files.

The order is written to a file before anything is removed, and that file is removed last: the next removal
first finishes one that a kill has cut off.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from actors.atomic_files import read_object, write_atomic
from actors.stores.files.documents.layout import FileLayout
from actors.stores.files.documents.work_item import WorkItemFile
from actors.stores.files.leases import FileRuns
from actors.stores.files.registry import Registry
from actors.stores.files.removal import Removal
from actors.stores.rules.erasure import PersonErasure
from actors.stores.rules.erasure_text import require_all_inside
from actors.stores.rules.people import PeopleErasure
from actors.stores.rules.pruning import PruneDecision
from actors.stores.rules.states import keys_of, now
from schemas.annotations.annotation import Annotation
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob

_DISK_NOTE: Final = (
    "removed files may be on the disk until it writes over them, and in snapshots and backups of the folder"
)

Order = dict[str, Any]  # JSON


@dataclass(frozen=True, slots=True)
class FileRemover:
    """See `backend.transaction.Remover`; the caller has locked the store unless it is a dry run."""

    registry: Registry
    runs: FileRuns
    dry_run: bool = False
    remains: tuple[str, ...] = (_DISK_NOTE,)

    @property
    def _layout(self) -> FileLayout:
        return self.registry.layout

    def require_inside(self, video_ids: Iterable[str]) -> None:
        for video_id in video_ids:
            require_all_inside(self._layout.folder(video_id), self._layout.base)

    def key_bytes(self, jobs: Sequence[BatchJob]) -> dict[WorkKey, int]:
        removal = Removal(self.registry)
        keys = dict.fromkeys(key for job in jobs for key in keys_of(job).values())
        return {key: removal.key_bytes(key) for key in keys}

    def video_bytes(self, jobs: Sequence[BatchJob]) -> dict[str, int]:
        removal = Removal(self.registry)
        return {
            video_id: removal.video_bytes(video_id)
            for video_id in dict.fromkeys(job.video_id for job in jobs)
        }

    def rows_of(self, key: WorkKey) -> list[Annotation]:
        return WorkItemFile(self._layout, key).annotations()

    def has_rows(self, key: WorkKey) -> bool:
        work = WorkItemFile(self._layout, key)
        return bool(work.chunks() or work.annotations())

    def drop_jobs(
        self,
        decision: PruneDecision,
        epochs: Collection[int],
        siblings: Sequence[BatchJob],
        people: PeopleErasure,
    ) -> Counter[str]:
        order = {
            "jobs": [[job.video_id, job.job_id] for job in decision.jobs],
            "keys": [_key_list(key) for key in decision.keys],
            "videos": list(decision.videos),
            "epochs": list(epochs),
            "people": _people_order(people),
        }
        return self._carry_out(order)

    def drop_video(
        self, video_id: str, jobs: Sequence[BatchJob], paths: Collection[str], people: PeopleErasure
    ) -> Counter[str]:
        keys_of_jobs = [key for job in jobs for key in keys_of(job).values()]
        keys = [_key_list(key) for key in dict.fromkeys([*self._layout.keys_of(video_id), *keys_of_jobs])]
        order = {
            "video": video_id,
            "paths": sorted(paths),
            "jobs": [job.job_id for job in jobs],
            "keys": keys,
            "people": _people_order(people),
        }
        if not self.dry_run and not any(batch.alive for batch in self.runs.batches(now())):
            for leftover in self._layout.scratch.iterdir():
                leftover.unlink()
        return self._carry_out(order)

    def drop_persons(self, persons: Sequence[PersonErasure], people: PeopleErasure) -> Counter[str]:
        order = {"persons": list(map(_person_order, persons)), "people": _people_order(people)}
        return self._carry_out(order)

    def _carry_out(self, order: Order) -> Counter[str]:
        """Write the order, carry it out, and remove it; on a dry run only count."""
        if self.dry_run:
            return Removal(self.registry, dry_run=True).carry_out(order)
        write_atomic(self._layout.removal, json.dumps(order).encode(), scratch=self._layout.scratch)
        return self.finish_pending()

    def finish_pending(self) -> Counter[str]:
        """Carry out a removal that was cut off, if there is one; returns counts by kind."""
        order = read_object(self._layout.removal)
        counts = Removal(self.registry).carry_out(order) if order else Counter[str]()
        self._layout.removal.unlink(missing_ok=True)
        return counts


def _key_list(key: WorkKey) -> list[str]:
    return [key.video_id, key.pipeline, key.config_hash]


def _people_order(people: PeopleErasure) -> Order:
    return {"references": sorted(people.reference_ids), "persons": sorted(people.person_ids)}


def _person_order(person: PersonErasure) -> Order:
    return {
        "video": person.video_id,
        "labels": [[_key_list(key), sorted(own)] for key, own in person.labels.items()],
        "redone": [_key_list(key) for key in person.unfinished],
        "faces": sorted(person.faces),
    }
