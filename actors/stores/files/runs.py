"""Runs of a store of files: their epochs, what they hold, what they say of themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

from actors.atomic_files import read_object
from actors.stores.encoding import rows
from actors.stores.encoding.refusals import encodable
from actors.stores.files.attempts import Attempts
from actors.stores.files.job_log import Logs
from actors.stores.files.layout import FileLayout
from actors.stores.files.leases import Leases
from actors.stores.files.lock import held, lay_out, note_epoch
from actors.stores.files.registry import Registry
from actors.stores.files.work_item import WorkItemFile
from actors.stores.rules.liveness import Heartbeat, seen_alive
from actors.stores.rules.transitions import held_back, keys_of, now, started_by
from schemas.errors import NotFound, StaleEpoch, StoreUnreachable
from schemas.storage.backend import StorageBackend
from schemas.work.attempt import Attempt, PipelineStart
from schemas.work.chunk import WorkKey
from schemas.work.job import PipelineResult
from schemas.work.run import RunInfo, StoredBatch

LEFTOVER_AGE: Final = timedelta(
    hours=1
)  # a younger scratch file may be another run's, on its way to its place


class FileRuns(StorageBackend):
    """The part of the store that is about runs."""

    def __init__(self, base_dir: Path, *, read_only: bool = False) -> None:
        base = Path(base_dir).absolute()
        self.url = f"files:{base}"
        self._tree, self._read_only = FileLayout(base), read_only
        self._register = Registry(self._tree)
        self._leases, self._tries, self._logs = (
            Leases(self._register),
            Attempts(self._register),
            Logs(self._tree),
        )
        if read_only and not self._tree.epoch.is_file():
            raise NotFound("store", self.url)
        if not read_only:
            lay_out(self._tree)

    @contextmanager
    def _write(self, epoch: int | None) -> Iterator[int]:
        """Hold the store while something is written; raises `StaleEpoch` unless the run is under way (None:
        by hand, outside any run).

        Yields the epoch of the newest run, 0 before the first.
        """
        if self._read_only:
            raise StoreUnreachable(self.url, "it was opened for reading only")
        with held(self._tree) as newest, encodable(self.url):
            if epoch is not None and not self._leases.is_under_way(epoch):
                raise StaleEpoch(epoch, newest)
            yield newest

    def open_run(self, run: RunInfo) -> int:
        at = now()
        with self._write(None) as newest:
            epoch = newest + 1
            note_epoch(self._tree, epoch)
            self._leases.begin(run, epoch, at)
            for leftover in self._tree.scratch.iterdir():
                if leftover.stat().st_mtime < (at - LEFTOVER_AGE).timestamp():
                    leftover.unlink()
        return epoch

    def close_run(self, epoch: int, outcome: str) -> None:
        with self._write(None) as newest:
            if epoch > newest:
                raise StaleEpoch(epoch, newest)
            self._leases.end(epoch, outcome, now())

    def holders(self, keys: Sequence[WorkKey]) -> dict[WorkKey, int]:
        found = ((key, self._leases.holder(key)) for key in keys)
        return {key: epoch for key, epoch in found if epoch is not None}

    def batches(self) -> list[StoredBatch]:
        at, runs = (
            now(),
            (
                self._leases.run(int(path.stem))
                for path in sorted(self._tree.runs.glob("*.json"), reverse=True)
            ),
        )
        return [rows.batch_from(run, alive=seen_alive(Heartbeat.of(run), at)) for run in runs if run]

    def lease(self, epoch: int, keys: Sequence[WorkKey]) -> set[WorkKey]:
        at = now()
        with self._write(epoch):
            there = self._register.jobs_of_videos(key.video_id for key in keys)
            closed = self._complete(keys).keys() | held_back(there)
            self._leases.take(epoch, set(keys) - closed - self._leases.held_elsewhere(epoch, keys, at))
            self._leases.beat(epoch, at)
            return {key for key in keys if self._leases.holds(epoch, key)}

    def release(self, epoch: int, keys: Sequence[WorkKey]) -> None:
        with self._write(epoch):
            self._leases.drop(keys, epoch=epoch)

    def record(
        self,
        epoch: int,
        attempts: Sequence[Attempt],
        progress: str | None = None,
        starts: Sequence[PipelineStart] = (),
    ) -> None:
        with self._write(epoch):
            self._leases.beat(epoch, now(), **({} if progress is None else {"progress": progress}))
            self._tries.record(attempts)
            if starts:
                self._start(epoch, starts)

    def _start(self, epoch: int, starts: Sequence[PipelineStart]) -> None:
        jobs = self._register.jobs(one.job_id for one in starts)
        held = {key for job in jobs for key in keys_of(job).values() if self._leases.holds(epoch, key)}
        moved = ((job, started_by(job, starts, held, now())) for job in jobs)
        self._register.put_jobs([after for before, after in moved if after != before])

    def attempts(self, video_ids: Sequence[str]) -> list[Attempt]:
        found = (one for video_id in dict.fromkeys(video_ids) for one in self._tries.of(video_id))
        return sorted(found, key=lambda one: (one.chunk_id, one.number))

    def progress(self, epoch: int) -> str | None:
        return self._leases.run(epoch).get("progress")

    def meta(self, name: str) -> str | None:
        return (read_object(self._tree.meta) or {}).get(name)

    def set_meta(self, epoch: int, name: str, value: str) -> None:
        with self._write(epoch):
            self._register.put(
                self._tree.meta, (read_object(self._tree.meta) or {}) | {name: value}, durable=True
            )

    def close(self) -> None:
        """Nothing is held open between calls."""

    def _work(self, key: WorkKey) -> WorkItemFile:
        return WorkItemFile(self._tree, key)

    def _complete(self, keys: Iterable[WorkKey]) -> dict[WorkKey, PipelineResult]:
        found = {key: self._work(key).complete() for key in keys}
        return {key: result for key, result in found.items() if result}
