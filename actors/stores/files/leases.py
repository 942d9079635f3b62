"""Reads and writes runs and the leases that they hold in files.

`live/EPOCH/pulse.json` has the process of a run that has not ended, and its last heartbeat. A file
`live/EPOCH/*.lease` is one lease. To lease a key, to find its holder and to release it takes one look at one
name, however many keys there are.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from actors.atomic_files import read_object
from actors.stores.encoding import rows
from actors.stores.files.documents.lock import write_epoch
from actors.stores.files.registry import Registry
from actors.stores.rules.liveness import Heartbeat, is_alive_here
from schemas.work.chunk import WorkKey
from schemas.work.run import RunInfo, StoredBatch

_KEPT_AFTER_END: Final = ("heartbeat_at", "progress")  # keys of `pulse.json` that stay when a run has ended
SCRATCH_AGE: Final = timedelta(hours=1)  # a younger scratch file may still be written


@dataclass(frozen=True, slots=True)
class FileRuns:
    """See `backend.transaction.Runs`; the caller has locked the store while it writes."""

    registry: Registry

    # Runs.

    def newest(self) -> int:
        return int(self.registry.layout.epoch.read_text() or 0)

    def begin(self, run: RunInfo, at: datetime) -> int:
        epoch = self.newest() + 1
        write_epoch(self.registry.layout, epoch)
        self._add_run(run, epoch, at)
        for leftover in self.registry.layout.scratch.iterdir():
            if leftover.stat().st_mtime < (at - SCRATCH_AGE).timestamp():
                leftover.unlink()
        return epoch

    def _add_run(self, run: RunInfo, epoch: int, at: datetime) -> None:
        """Write a run, end earlier runs of the same process and batch, and take over their leases."""
        row = rows.run_row(run, epoch, rows.time_text(at) or "")
        earlier = [older for older in self.under_way() if self._is_of_process(older, run)]
        self.registry.put(self.registry.layout.run(epoch), row, durable=True)
        self.registry.put(
            self._pulse(epoch),
            {
                name: row[name]
                for name in ("batch_id", "host", "pid", "started_at", "ended_at", *_KEPT_AFTER_END)
            },
        )
        for older in earlier:
            for lease in self._folder(older).glob("*.lease"):
                lease.replace(self._folder(epoch) / lease.name)
            self.end(older, "stopped", at)

    def _is_of_process(self, epoch: int, run: RunInfo) -> bool:
        pulse = read_object(self._pulse(epoch)) or {}
        return (pulse.get("batch_id"), pulse.get("host"), pulse.get("pid")) == (
            run.batch_id,
            run.host,
            run.pid,
        )

    def end(self, epoch: int, outcome: str, at: datetime) -> None:
        if not self.is_under_way(epoch):
            return
        ended = self.run(epoch) | {"ended_at": rows.time_text(at), "outcome": outcome}
        self.registry.put(self.registry.layout.run(epoch), ended)
        self._pulse(epoch).unlink()
        shutil.rmtree(self._folder(epoch))

    def run(self, epoch: int) -> rows.Row:
        """A run as a row of table `runs`; empty where there is none."""
        pulse = read_object(self._pulse(epoch)) or {}
        return (read_object(self.registry.layout.run(epoch)) or {}) | {
            name: pulse[name] for name in _KEPT_AFTER_END if name in pulse
        }

    def heartbeat(self, epoch: int, at: datetime, progress: str | None = None) -> None:
        pulse = read_object(self._pulse(epoch)) or {}
        changes = {"heartbeat_at": rows.time_text(at)} | ({} if progress is None else {"progress": progress})
        self.registry.put(self._pulse(epoch), pulse | changes)

    def progress(self, epoch: int) -> str | None:
        return self.run(epoch).get("progress")

    def batches(self, at: datetime) -> list[StoredBatch]:
        paths = sorted(self.registry.layout.runs.glob("*.json"), reverse=True)
        runs = (self.run(int(path.stem)) for path in paths)
        return [rows.batch_from(run, alive=is_alive_here(Heartbeat.of(run), at)) for run in runs if run]

    def is_under_way(self, epoch: int) -> bool:
        """Whether a run has begun and not ended."""
        return self._pulse(epoch).is_file()

    def under_way(self) -> list[int]:
        """The epochs of all runs that have not ended, dead or alive, or were killed while they ended."""
        return sorted(int(folder.name) for folder in self.registry.layout.live.glob("*"))

    def is_in_use(self, at: datetime) -> bool:
        """Whether any run is alive."""
        return any(self._is_alive(epoch, at) for epoch in self.under_way())

    def _is_alive(self, epoch: int, at: datetime) -> bool:
        pulse = read_object(self._pulse(epoch))
        return pulse is not None and is_alive_here(Heartbeat.of(pulse), at)

    # Leases.

    def _holds(self, epoch: int, key: WorkKey) -> bool:
        return self._lease(epoch, key).exists()

    def holders(self, keys: Iterable[WorkKey]) -> dict[WorkKey, int]:
        under_way = self.under_way()
        return {key: epoch for epoch in reversed(under_way) for key in keys if self._holds(epoch, key)}

    def held_by(self, epoch: int, keys: Iterable[WorkKey]) -> set[WorkKey]:
        return {key for key in keys if self._holds(epoch, key)}

    def held_by_others(self, epoch: int | None, keys: Iterable[WorkKey], at: datetime) -> set[WorkKey]:
        others = [other for other in self.under_way() if other != epoch and self._is_alive(other, at)]
        return {key for key in keys if any(self._holds(other, key) for other in others)}

    def take(self, epoch: int, keys: Collection[WorkKey]) -> None:
        names = {self.registry.layout.lease_name(key) for key in keys}
        for other in (other for other in self.under_way() if other != epoch):
            for lease in self._folder(other).iterdir():
                if lease.name in names:
                    lease.unlink()
        for name in names:
            (self._folder(epoch) / name).touch()

    def drop(self, keys: Collection[WorkKey], *, epoch: int | None = None) -> None:
        for holder in self.under_way() if epoch is None else [epoch]:
            for key in keys:
                self._lease(holder, key).unlink(missing_ok=True)

    def _folder(self, epoch: int) -> Path:
        return self.registry.layout.epoch_folder(epoch)

    def _pulse(self, epoch: int) -> Path:
        return self._folder(epoch) / "pulse.json"

    def _lease(self, epoch: int, key: WorkKey) -> Path:
        return self._folder(epoch) / self.registry.layout.lease_name(key)
