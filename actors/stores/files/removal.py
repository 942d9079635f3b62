"""Carrying out what is to go from a store of files; each step may find that it was done before."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actors.atomic_files import read_object, write_atomic
from actors.stores.files.layout import FileLayout
from actors.stores.files.leases import FileRuns
from actors.stores.files.redacted_result import RedactedResult
from actors.stores.files.registry import Registry
from actors.stores.files.work_item import WorkItemFile
from actors.stores.rules.erasure_text import counted_files, files_in, masked, masked_text, remove_folder
from schemas.pipelines import AUDIO, FACE
from schemas.work.chunk import WorkKey

Order = Mapping[str, Any]  # as `files_retention` notes it, JSON


@dataclass(frozen=True, slots=True)
class Removal:
    """Removes below one tree, or only counts; the caller holds the store unless it is a dry run."""

    register: Registry
    dry_run: bool = False

    @property
    def tree(self) -> FileLayout:
        return self.register.tree

    def carry_out(self, order: Order) -> Counter[str]:
        """Have everything go that is noted; returns what went, by kind."""
        if "persons" in order:
            return sum(map(self._withdraw, order["persons"]), Counter())
        return self._prune(order) if "epochs" in order else self._forget(order)

    # What each work key and each video takes.

    def key_bytes(self, key: WorkKey) -> int:
        return sum(path.stat().st_size for path in self._files_of(key))

    def video_bytes(self, video_id: str) -> int:
        tree = self.tree
        single = [
            tree.video(video_id),
            tree.attempts(video_id),
            tree.newest_job(video_id),
            tree.summary(video_id),
        ]
        paths = [*single, *tree.jobs_of(video_id), *tree.folder(video_id).glob(".state/logs/*")]
        return sum(path.stat().st_size for path in paths if path.is_file())

    def _files_of(self, key: WorkKey) -> list[Path]:
        work = [path for path in self.tree.work(key).glob("*") if path.is_file()]
        return [
            *work,
            *(
                path
                for path in (self.tree.partial(key), self.tree.older_result(key), *self._result_of(key))
                if path.is_file()
            ),
        ]

    def _result_of(self, key: WorkKey) -> list[Path]:
        """The result under its usual name, if it is this key's, after what lies beside it."""
        path = self.tree.result(key)
        if WorkItemFile(self.tree, key).result_path() != path:
            return []
        beside = (
            [path.with_suffix(f".{ending}") for ending in ("vtt", "srt", "rttm")]
            if key.pipeline == AUDIO
            else []
        )
        return [*beside, path]

    # By age, status and size.

    def _prune(self, order: Order) -> Counter[str]:
        keys = [WorkKey(*one) for one in order["keys"]]
        counts = sum((self._drop_key(key) for key in keys), Counter())
        faces = {(key.video_id, key.config_hash) for key in keys if key.pipeline == FACE}
        counts["identities"] += self._unidentify(lambda one: (one["video_id"], one["config_hash"]) in faces)
        FileRuns(self.register).drop(keys)
        for video_id in order["videos"]:
            counts += self._drop_video_facts(video_id)
        for video_id in dict.fromkeys(video_id for video_id, _ in order["jobs"]):
            counts += self._drop_jobs(video_id, [job_id for own, job_id in order["jobs"] if own == video_id])
        return counts + self._drop_runs(order["epochs"])

    def _drop_key(self, key: WorkKey) -> Counter[str]:
        files = self._files_of(key)
        for path in self._result_of(key):
            path.unlink(missing_ok=True)
        WorkItemFile(self.tree, key).clear()
        return counted_files(files)

    def _drop_video_facts(self, video_id: str) -> Counter[str]:
        """Paths, frame times and tries of a video of which no job is to be left; pictures that somebody
        has had made stay.
        """
        counts = Counter(paths=self._drop_sources(video_id))
        for path in (self.tree.attempts(video_id), self.tree.video(video_id)):
            counts["files"] += path.exists()
            path.unlink(missing_ok=True)
        return counts

    def _drop_jobs(self, video_id: str, job_ids: list[str]) -> Counter[str]:
        paths = [
            path
            for job_id in job_ids
            for path in (self.tree.job(video_id, job_id), self.tree.log(video_id, job_id))
            if path.exists()
        ]
        self.register.drop_jobs(video_id, job_ids)
        for folder in ("runs/*", "runs", ".state/logs", ".state", "jobs", "."):
            for empty in (
                self.tree.folder(video_id).glob(folder) if folder != "." else [self.tree.folder(video_id)]
            ):
                if empty.is_dir() and not any(empty.iterdir()):
                    empty.rmdir()
        return counted_files(paths)

    def _drop_runs(self, epochs: Collection[int]) -> Counter[str]:
        there = [epoch for epoch in epochs if self.tree.run(epoch).exists()]
        for epoch in epochs:
            if self.tree.epoch_folder(epoch).is_dir():
                shutil.rmtree(self.tree.epoch_folder(epoch))
            self.tree.run(epoch).unlink(missing_ok=True)
        return Counter(runs=len(there))

    # A video.

    def _forget(self, order: Order) -> Counter[str]:
        video_id, paths = order["video"], order["paths"]
        names = {video_id, *paths}
        counts = counted_files(files_in(self.tree.folder(video_id), paths))
        counts["identities"] += self._unidentify(lambda one: one["video_id"] == video_id)
        counts["paths"] += self._drop_sources(video_id)
        counts["runs"] += sum(self._mask_object(path, names) for path in self._runs())
        counts["logs"] += sum(
            self._mask_words(path, names) for path in self.tree.words() if not self._is_own(path, video_id)
        )
        if not self.dry_run:
            FileRuns(self.register).drop([WorkKey(*one) for one in order["keys"]])
            self.register.forget_controls(order["jobs"])
            remove_folder(self.tree.folder(video_id), paths)
        return counts

    def _runs(self) -> list[Path]:
        return [*sorted(self.tree.runs.glob("*.json")), *sorted(self.tree.live.glob("*/pulse.json"))]

    def _is_own(self, path: Path, video_id: str) -> bool:
        return self.tree.folder(video_id) in path.parents

    def _drop_sources(self, video_id: str) -> int:
        own = [path for path in self.tree.sources() if (read_object(path) or {}).get("video_id") == video_id]
        for path in own if not self.dry_run else ():
            path.unlink()
        return len(own)

    def _mask_object(self, path: Path, names: Collection[str]) -> bool:
        """Mask what a run was given and says of itself; whether it named any of it."""
        found = read_object(path) or {}
        told = {
            "inputs": masked(found.get("inputs"), names),
            "progress": found.get("progress") and masked_text(found["progress"], names),
        }
        new = found | {name: value for name, value in told.items() if name in found}
        if new != found and not self.dry_run:
            self.register.put(path, new, durable=True)
        return new != found

    def _mask_words(self, path: Path, names: Collection[str]) -> bool:
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
        if not any(json.dumps(name, ensure_ascii=False)[1:-1] in text for name in names):
            return False
        new = (
            "\n".join(masked_text(line, names) for line in text.split("\n"))
            if path.suffix == ".jsonl"
            else masked_text(text, names)
        )
        if new != text and not self.dry_run:
            write_atomic(path, new.encode(errors="surrogateescape"), scratch=self.tree.scratch)
        return new != text

    def _unidentify(self, gone: Callable[[Mapping[str, Any]], bool]) -> int:
        """Take faces out of the identities of the collection."""
        before = (read_object(self.tree.identities) or {}).get("identities", [])
        after = [one for one in before if not gone(one)]
        if len(after) < len(before) and not self.dry_run:
            self.register.put(self.tree.identities, {"identities": after}, durable=True)
        return len(before) - len(after)

    # A person.

    def _withdraw(self, order: Order) -> Counter[str]:
        video_id, faces = order["video"], {tuple(one) for one in order["faces"]}
        counts = Counter(
            identities=self._unidentify(
                lambda one: one["video_id"] == video_id and (one["face_id"], one["config_hash"]) in faces
            )
        )
        for key, labels in self._labels(order):
            counts += RedactedResult(self.register, key, self.dry_run).without(labels)
        for one in order["redone"]:
            counts += RedactedResult(self.register, WorkKey(*one), self.dry_run).cleared()
        return counts

    @staticmethod
    def _labels(order: Order) -> Iterator[tuple[WorkKey, frozenset[tuple[str, str]]]]:
        return (
            (WorkKey(*key), frozenset((column, name) for column, name in own)) for key, own in order["labels"]
        )
