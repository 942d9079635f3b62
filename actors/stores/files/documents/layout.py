"""The paths of a store of files.

BASE/.store/{epoch, store_id, meta.json, controls.json, identities.json, people.json, removal.json}
BASE/.store/{runs/, paths/, scratch/, events}
BASE/.store/ledger/UNIT.json                  a unit that was moved here from another store
BASE/.store/live/EPOCH/{pulse.json, *.lease}  a run that has not ended, and its leases
BASE/VIDEO/{job_metadata.json, PIPELINE.json, batch_summary.json}  the files that people open
BASE/VIDEO/jobs/JOB.json                      a job of the video
BASE/VIDEO/runs/CONFIG/PIPELINE.json          a result of an older configuration
BASE/VIDEO/PIPELINE.CONFIG.partial.json       the rows of a failed pipeline
BASE/VIDEO/.state/{video.json, attempts.json, logs/JOB.jsonl}
BASE/VIDEO/.state/PIPELINE@CONFIG/{state.json, embeddings.npz, *.chunk}  the manifest
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from schemas.work.chunk import WorkKey


def _name(text: str) -> str:
    """Any text as one part of a path; ids that vaengine makes are unchanged."""
    return quote(text, safe="") if text.strip(".") else text.replace(".", "%2E")


def _digest(text: str) -> str:
    """34 hex digits for any text."""
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:34]


@dataclass(frozen=True, slots=True)
class FileLayout:
    """Every path of a store below `base`."""

    base: Path

    @property
    def epoch(self) -> Path:
        return self.base / ".store" / "epoch"

    @property
    def store_id(self) -> Path:
        return self.base / ".store" / "store_id"

    @property
    def meta(self) -> Path:
        return self.base / ".store" / "meta.json"

    @property
    def runs(self) -> Path:
        return self.base / ".store" / "runs"

    @property
    def scratch(self) -> Path:
        return self.base / ".store" / "scratch"

    @property
    def identities(self) -> Path:
        return self.base / ".store" / "identities.json"

    @property
    def people(self) -> Path:
        return self.base / ".store" / "people.json"

    @property
    def events(self) -> Path:
        """The events of all jobs in one order, in records of one length."""
        return self.base / ".store" / "events"

    @property
    def removal(self) -> Path:
        """The order of a removal, until all of it is done."""
        return self.base / ".store" / "removal.json"

    def run(self, epoch: int) -> Path:
        return self.runs / f"{epoch:08d}.json"

    @property
    def controls(self) -> Path:
        return self.base / ".store" / "controls.json"

    @property
    def live(self) -> Path:
        return self.base / ".store" / "live"

    def epoch_folder(self, epoch: int) -> Path:
        """The folder of a run that has not ended."""
        return self.live / f"{epoch:08d}"

    def lease_name(self, key: WorkKey) -> str:
        """The file name of the lease of a work key."""
        return f"{_digest(json.dumps([key.video_id, key.pipeline, key.config_hash]))}.lease"

    def ledger(self, unit: str) -> Path:
        """The entry of a unit that was moved here from another store."""
        return self.base / ".store" / "ledger" / f"{unit}.json"

    def sources(self) -> Iterator[Path]:
        """The entries of all paths at which a video was found."""
        return self.base.glob(".store/paths/*/*.json")

    def source(self, path: str) -> Path:
        """The entry of one path at which a video was found."""
        digest = _digest(path)
        return self.base / ".store" / "paths" / digest[:2] / f"{digest[2:]}.json"

    def free_texts(self) -> Iterator[Path]:
        """The logs and attempts of every video: their text may mention any file."""
        yield from self.base.glob("*/.state/logs/*.jsonl")
        yield from self.base.glob("*/.state/attempts.json")

    def folder(self, video_id: str) -> Path:
        return self.base / _name(video_id)

    def video(self, video_id: str) -> Path:
        return self.folder(video_id) / ".state" / "video.json"

    def attempts(self, video_id: str) -> Path:
        return self.folder(video_id) / ".state" / "attempts.json"

    def log(self, video_id: str, job_id: str) -> Path:
        return self.folder(video_id) / ".state" / "logs" / f"{_name(job_id)}.jsonl"

    def job(self, video_id: str, job_id: str) -> Path:
        return self.folder(video_id) / "jobs" / f"{_name(job_id)}.json"

    def newest_job(self, video_id: str) -> Path:
        return self.folder(video_id) / "job_metadata.json"

    def summary(self, video_id: str) -> Path:
        return self.folder(video_id) / "batch_summary.json"

    def jobs_of(self, video_id: str) -> list[Path]:
        return sorted(self.folder(video_id).glob("jobs/*.json"))

    def all_jobs(self) -> list[Path]:
        return sorted(self.base.glob("*/jobs/*.json"))

    def work(self, key: WorkKey) -> Path:
        """The folder of the state and the chunks of one work key."""
        return self.folder(key.video_id) / ".state" / f"{_name(key.pipeline)}@{_name(key.config_hash)}"

    def state(self, key: WorkKey) -> Path:
        return self.work(key) / "state.json"

    def result(self, key: WorkKey) -> Path:
        return self.folder(key.video_id) / f"{_name(key.pipeline)}.json"

    def embeddings(self, key: WorkKey) -> Path:
        return self.work(key) / "embeddings.npz"

    def older_result(self, key: WorkKey) -> Path:
        return self.folder(key.video_id) / "runs" / _name(key.config_hash) / f"{_name(key.pipeline)}.json"

    def partial(self, key: WorkKey) -> Path:
        return self.folder(key.video_id) / f"{_name(key.pipeline)}.{_name(key.config_hash)}.partial.json"

    def keys_of(self, video_id: str) -> list[WorkKey]:
        """The work keys of a video that have a folder."""
        names = [path.name.partition("@") for path in sorted(self.folder(video_id).glob(".state/*@*"))]
        return [
            WorkKey(video_id, unquote(pipeline), unquote(config_hash)) for pipeline, _, config_hash in names
        ]

    def video_ids(self) -> Iterator[str]:
        return (unquote(path.parent.name) for path in sorted(self.base.glob("*/jobs")))

    def video_folders_ending(self, endings: Collection[str]) -> Iterator[str]:
        """The ids of videos that end in one of `endings`, all of one length; by the names of folders."""
        length = len(next(iter(endings)))
        names = (unquote(entry.name) for entry in os.scandir(self.base))
        return (name for name in names if name[-length:] in endings)

    def video_folders(self) -> list[str]:
        """The ids of all videos that have any files, also without a job."""
        names = {path.parent.name for pattern in ("*/jobs", "*/.state") for path in self.base.glob(pattern)}
        return sorted(map(unquote, names))
