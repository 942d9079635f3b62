"""Carries out the removal of jobs, videos and persons from files; each step may have been done before."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actors.atomic_files import read_object, write_atomic
from actors.stores.files.documents.layout import FileLayout
from actors.stores.files.documents.work_item import WorkItemFile
from actors.stores.files.leases import FileRuns
from actors.stores.files.people import FilePeople
from actors.stores.files.redacted_result import RedactedResult
from actors.stores.files.registry import Registry
from actors.stores.rules.erasure_text import counted_files, files_in, masked, masked_text, remove_folder
from actors.stores.rules.people import PeopleErasure, erased
from schemas.pipelines import AUDIO, FACE
from schemas.work.chunk import WorkKey

Order = Mapping[str, Any]  # JSON, as `files.retention` writes it


@dataclass(frozen=True, slots=True)
class Removal:
    """Removes files of a store, or only counts them; the caller has locked the store unless it counts."""

    registry: Registry
    dry_run: bool = False

    @property
    def layout(self) -> FileLayout:
        return self.registry.layout

    def carry_out(self, order: Order) -> Counter[str]:
        """Remove everything in the order; returns counts by kind."""
        counts = self._erase_people(order.get("people", {}))
        if "persons" in order:
            return sum(map(self._erase_person, order["persons"]), counts)
        return counts + (self._prune(order) if "epochs" in order else self._forget_video(order))

    def _erase_people(self, order: Order) -> Counter[str]:
        erasure = PeopleErasure(frozenset(order.get("references", ())), frozenset(order.get("persons", ())))
        records = FilePeople(self.registry)
        log, counts = erased(records.log(), erasure)
        if counts and not self.dry_run:
            records.replace(log)
        return counts

    # Sizes of work keys and videos.

    def key_bytes(self, key: WorkKey) -> int:
        return sum(path.stat().st_size for path in self._files_of(key))

    def video_bytes(self, video_id: str) -> int:
        layout = self.layout
        single_files = [
            layout.video(video_id),
            layout.attempts(video_id),
            layout.newest_job(video_id),
            layout.summary(video_id),
        ]
        paths = [*single_files, *layout.jobs_of(video_id), *layout.folder(video_id).glob(".state/logs/*")]
        return sum(path.stat().st_size for path in paths if path.is_file())

    def _files_of(self, key: WorkKey) -> list[Path]:
        work = [path for path in self.layout.work(key).glob("*") if path.is_file()]
        return [
            *work,
            *(
                path
                for path in (self.layout.partial(key), self.layout.older_result(key), *self._result_of(key))
                if path.is_file()
            ),
        ]

    def _result_of(self, key: WorkKey) -> list[Path]:
        """The files beside a result and the result under its usual name, if they are this key's."""
        path = self.layout.result(key)
        if WorkItemFile(self.layout, key).result_path() != path:
            return []
        sidecar_paths = (
            [path.with_suffix(f".{ending}") for ending in ("vtt", "srt", "rttm")]
            if key.pipeline == AUDIO
            else []
        )
        return [*sidecar_paths, path]

    # By age, status and size.

    def _prune(self, order: Order) -> Counter[str]:
        keys = [WorkKey(*entry) for entry in order["keys"]]
        counts = sum((self._drop_key(key) for key in keys), Counter())
        faces = {(key.video_id, key.config_hash) for key in keys if key.pipeline == FACE}
        counts["identities"] += self._remove_identities(
            lambda entry: (entry["video_id"], entry["config_hash"]) in faces
        )
        FileRuns(self.registry).drop(keys)
        for video_id in order["videos"]:
            counts += self._drop_video_facts(video_id)
        for video_id in dict.fromkeys(video_id for video_id, _ in order["jobs"]):
            counts += self._drop_jobs(video_id, [job_id for own, job_id in order["jobs"] if own == video_id])
        return counts + self._drop_runs(order["epochs"])

    def _drop_key(self, key: WorkKey) -> Counter[str]:
        files = self._files_of(key)
        for path in self._result_of(key):
            path.unlink(missing_ok=True)
        WorkItemFile(self.layout, key).clear()
        return counted_files(files)

    def _drop_video_facts(self, video_id: str) -> Counter[str]:
        """Remove the paths, frame times and attempts of a video without jobs; rendered pictures stay."""
        counts = Counter(paths=self._drop_sources(video_id))
        for path in (self.layout.attempts(video_id), self.layout.video(video_id)):
            counts["files"] += path.exists()
            path.unlink(missing_ok=True)
        return counts

    def _drop_jobs(self, video_id: str, job_ids: list[str]) -> Counter[str]:
        paths = [
            path
            for job_id in job_ids
            for path in (self.layout.job(video_id, job_id), self.layout.log(video_id, job_id))
            if path.exists()
        ]
        self.registry.drop_jobs(video_id, job_ids)
        for folder in ("runs/*", "runs", ".state/logs", ".state", "jobs", "."):
            for empty in (
                self.layout.folder(video_id).glob(folder) if folder != "." else [self.layout.folder(video_id)]
            ):
                if empty.is_dir() and not any(empty.iterdir()):
                    empty.rmdir()
        return counted_files(paths)

    def _drop_runs(self, epochs: Collection[int]) -> Counter[str]:
        existing = [epoch for epoch in epochs if self.layout.run(epoch).exists()]
        for epoch in epochs:
            if self.layout.epoch_folder(epoch).is_dir():
                shutil.rmtree(self.layout.epoch_folder(epoch))
            self.layout.run(epoch).unlink(missing_ok=True)
        return Counter(runs=len(existing))

    # A video.

    def _forget_video(self, order: Order) -> Counter[str]:
        video_id, paths = order["video"], order["paths"]
        names = {video_id, *paths}
        counts = counted_files(files_in(self.layout.folder(video_id), paths))
        counts["identities"] += self._remove_identities(lambda entry: entry["video_id"] == video_id)
        counts["paths"] += self._drop_sources(video_id)
        counts["runs"] += sum(self._mask_object(path, names) for path in self._runs())
        counts["logs"] += sum(
            self._mask_text(path, names)
            for path in self.layout.free_texts()
            if not self._is_own(path, video_id)
        )
        if not self.dry_run:
            FileRuns(self.registry).drop([WorkKey(*entry) for entry in order["keys"]])
            self.registry.forget_controls(order["jobs"])
            remove_folder(self.layout.folder(video_id), paths)
        return counts

    def _runs(self) -> list[Path]:
        return [*sorted(self.layout.runs.glob("*.json")), *sorted(self.layout.live.glob("*/pulse.json"))]

    def _is_own(self, path: Path, video_id: str) -> bool:
        return self.layout.folder(video_id) in path.parents

    def _drop_sources(self, video_id: str) -> int:
        own = [
            path for path in self.layout.sources() if (read_object(path) or {}).get("video_id") == video_id
        ]
        for path in own if not self.dry_run else ():
            path.unlink()
        return len(own)

    def _mask_object(self, path: Path, names: Collection[str]) -> bool:
        """Mask the inputs and the progress of a run; returns whether they mentioned any of the names."""
        run = read_object(path) or {}
        masked_values = {
            "inputs": masked(run.get("inputs"), names),
            "progress": run.get("progress") and masked_text(run["progress"], names),
        }
        new = run | {name: value for name, value in masked_values.items() if name in run}
        if new != run and not self.dry_run:
            self.registry.put(path, new, durable=True)
        return new != run

    def _mask_text(self, path: Path, names: Collection[str]) -> bool:
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
        if not any(json.dumps(name, ensure_ascii=False)[1:-1] in text for name in names):
            return False
        new = (
            "\n".join(masked_text(line, names) for line in text.split("\n"))
            if path.suffix == ".jsonl"
            else masked_text(text, names)
        )
        if new != text and not self.dry_run:
            write_atomic(path, new.encode(errors="surrogateescape"), scratch=self.layout.scratch)
        return new != text

    def _remove_identities(self, is_removed: Callable[[Mapping[str, Any]], bool]) -> int:
        """Remove faces from the identities of the collection; returns how many."""
        before = (read_object(self.layout.identities) or {}).get("identities", [])
        after = [entry for entry in before if not is_removed(entry)]
        if len(after) < len(before) and not self.dry_run:
            self.registry.put(self.layout.identities, {"identities": after}, durable=True)
        return len(before) - len(after)

    # A person.

    def _erase_person(self, order: Order) -> Counter[str]:
        video_id, faces = order["video"], {tuple(entry) for entry in order["faces"]}
        counts = Counter(
            identities=self._remove_identities(
                lambda entry: (
                    entry["video_id"] == video_id and (entry["face_id"], entry["config_hash"]) in faces
                )
            )
        )
        for key, labels in self._labels(order):
            counts += RedactedResult(self.registry, key, self.dry_run).erase_labels(labels)
        for entry in order["redone"]:
            counts += RedactedResult(self.registry, WorkKey(*entry), self.dry_run).erase_unfinished()
        return counts

    @staticmethod
    def _labels(order: Order) -> Iterator[tuple[WorkKey, frozenset[tuple[str, str]]]]:
        return (
            (WorkKey(*key), frozenset((column, name) for column, name in own)) for key, own in order["labels"]
        )
