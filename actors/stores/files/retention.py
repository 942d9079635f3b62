"""Removing from a store of files.

What is to go is noted in one file before anything does, and that file goes last: whoever removes next first
carries out to its end what a kill has cut off.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from actors.atomic_files import read_object, write_atomic
from actors.stores.files.controls import FileRequests
from actors.stores.files.removal import Removal
from actors.stores.rules.erasure import Erasure, withdrawal_of
from actors.stores.rules.erasure_text import removed, require_all_inside, require_idle
from actors.stores.rules.pruning import PruneDecision, batch_at, held_jobs
from actors.stores.rules.transitions import keys_of, now
from schemas.storage.retention import PersonIn, Pruning, Removed, Stock
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob

_DISKS: Final = (
    "removed files may be on the disk until it writes over them, and in snapshots and backups of the folder"
)

Order = dict[str, Any]  # JSON


class FileRetention(FileRequests):
    """The part of the store by which results go again."""

    def stock(self) -> Stock:
        jobs, batches, removal = self._register.all_jobs(), self.batches(), Removal(self._register)
        keys = dict.fromkeys(key for job in jobs for key in keys_of(job).values())
        return Stock(
            jobs=tuple(jobs),
            held=self._held(jobs),
            batches=tuple(batches),
            key_bytes={key: removal.key_bytes(key) for key in keys},
            video_bytes={
                video_id: removal.video_bytes(video_id)
                for video_id in dict.fromkeys(job.video_id for job in jobs)
            },
        )

    def _held(self, jobs: Sequence[BatchJob]) -> frozenset[str]:
        keys = [key for job in jobs for key in keys_of(job).values()]
        return held_jobs(jobs, self._leases.held_elsewhere(None, keys, now()), self.batches())

    def prune(self, pruning: Pruning) -> Removed:
        with self._write(None):
            self._carried_to_its_end()
            for video_id in dict.fromkeys(job.video_id for job in pruning.jobs):
                self._require_inside(video_id)
            there = self._register.jobs_of_videos(job.video_id for job in pruning.jobs)
            going = PruneDecision.of(pruning, there, self._held(there))
            gone = {job.job_id for job in going.jobs}
            used = (
                {job.batch_id for job in self._register.all_jobs() if job.job_id not in gone}
                if pruning.epochs
                else set()
            )
            over = [
                run.epoch
                for run in self.batches()
                if run.epoch in pruning.epochs and not run.alive and run.batch_id not in used
            ]
            return removed(self._ordered(_prune_order(going, over)))

    def paths_of(self, video_id: str) -> tuple[str, ...]:
        found = (read_object(path) for path in self._tree.sources())
        entries = {entry["path"] for entry in found if entry and entry["video_id"] == video_id}
        video = self._register.video(video_id)
        own = {video["path"]} if video else set()
        return tuple(
            sorted(entries | own | {str(job.video_path) for job in self._register.jobs_of(video_id)})
        )

    def forget_video(self, video_id: str, *, dry_run: bool = False) -> Removed:
        if dry_run:
            order = self._video_order(video_id)
            return removed(Removal(self._register, dry_run=True).carry_out(order), (_DISKS,))
        with self._write(None):
            self._carried_to_its_end()
            order = self._video_order(video_id)
            if not any(batch.alive for batch in self.batches()):
                for leftover in self._tree.scratch.iterdir():
                    leftover.unlink()
            return removed(self._ordered(order), (_DISKS,))

    def _video_order(self, video_id: str) -> Order:
        self._require_inside(video_id)
        jobs, paths = self._register.jobs_of(video_id), self.paths_of(video_id)
        require_idle(video_id, batch_at(jobs, self._held(jobs), self.batches(), paths))
        asked = [key for job in jobs for key in keys_of(job).values()]
        keys = dict.fromkeys([*self._tree.keys_of(video_id), *asked])
        return {
            "video": video_id,
            "paths": list(paths),
            "jobs": [job.job_id for job in jobs],
            "keys": [_plain(key) for key in keys],
        }

    def forget_persons(self, persons: Sequence[PersonIn], *, dry_run: bool = False) -> Removed:
        if dry_run:
            return self._withdrawn(persons, Removal(self._register, dry_run=True).carry_out)
        with self._write(None):
            self._carried_to_its_end()
            return self._withdrawn(persons, self._ordered)

    def _withdrawn(self, persons: Sequence[PersonIn], carry_out: Any) -> Removed:
        found = [(person, self._withdrawal(person)) for person in persons]
        redone = {
            key
            for _, one in found
            for key in one.redone
            if self._work(key).chunks() or self._work(key).annotations()
        }
        counts: Counter[str] = carry_out({"persons": [_person_order(person, one) for person, one in found]})
        told = [line for _, one in found for line in one.told(redone.intersection(one.redone))]
        return removed(counts, (*dict.fromkeys(told), _DISKS))

    def _require_inside(self, video_id: str) -> None:
        """Raises `LeadsOut` where the video's folder is not in the store itself."""
        require_all_inside(self._tree.folder(video_id), self._tree.base)

    def _withdrawal(self, person: PersonIn) -> Erasure:
        self._require_inside(person.video_id)
        jobs = self._register.jobs_of(person.video_id)
        require_idle(
            person.video_id, batch_at(jobs, self._held(jobs), self.batches(), self.paths_of(person.video_id))
        )
        return withdrawal_of(person, jobs, cache(lambda key: self._work(key).annotations()))

    def finish_removal(self) -> Removed:
        if not self._tree.removal.exists():
            return Removed()
        with self._write(None):
            return removed(self._carried_to_its_end())

    def _ordered(self, order: Order) -> Counter[str]:
        """Note what is to go, have it go, and forget the note."""
        write_atomic(self._tree.removal, json.dumps(order).encode(), scratch=self._tree.scratch)
        return self._carried_to_its_end()

    def _carried_to_its_end(self) -> Counter[str]:
        order = read_object(self._tree.removal)
        counts = Removal(self._register).carry_out(order) if order else Counter[str]()
        self._tree.removal.unlink(missing_ok=True)
        return counts


def _plain(key: WorkKey) -> list[str]:
    return [key.video_id, key.pipeline, key.config_hash]


def _prune_order(going: PruneDecision, epochs: Sequence[int]) -> Order:
    return {
        "jobs": [[job.video_id, job.job_id] for job in going.jobs],
        "keys": [_plain(key) for key in going.keys],
        "videos": list(going.videos),
        "epochs": list(epochs),
    }


def _person_order(person: PersonIn, withdrawal: Erasure) -> Order:
    named = (
        {(person.label, person.config_hash)} if person.column == "face_id" and person.config_hash else set()
    )
    return {
        "video": person.video_id,
        "labels": [[_plain(key), sorted(own)] for key, own in withdrawal.labels.items()],
        "redone": [_plain(key) for key in withdrawal.redone],
        "faces": sorted(withdrawal.faces | named),
    }
