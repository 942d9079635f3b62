"""Runs of a store of files that have not ended, and the work keys that they lease.

The caller holds the lock of the store. `live/EPOCH/pulse.json` says whose run it is and when its last
heartbeat was, `live/EPOCH/*.lease` are its leases. To lease a key, to find its holder and to release it is
one look at one name, however many keys there are.
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
from actors.stores.files.lock import note_epoch
from actors.stores.files.registry import Registry
from actors.stores.rules.liveness import Heartbeat, is_alive_here
from schemas.work.chunk import WorkKey
from schemas.work.run import RunInfo, StoredBatch

_OUTLIVES: Final = ("heartbeat_at", "progress")  # what of a pulse is kept with a run that has ended
LEFTOVER_AGE: Final = timedelta(hours=1)  # a younger scratch file may be on its way to its place


@dataclass(frozen=True, slots=True)
class FileRuns:
    """The runs below one tree; see `backend.transaction.Runs`."""

    register: Registry

    # Runs.

    def newest(self) -> int:
        return int(self.register.tree.epoch.read_text() or 0)

    def begin(self, run: RunInfo, at: datetime) -> int:
        epoch = self.newest() + 1
        note_epoch(self.register.tree, epoch)
        self._succeed(run, epoch, at)
        for leftover in self.register.tree.scratch.iterdir():
            if leftover.stat().st_mtime < (at - LEFTOVER_AGE).timestamp():
                leftover.unlink()
        return epoch

    def _succeed(self, run: RunInfo, epoch: int, at: datetime) -> None:
        """Note a run, end what its process began of the same batch before, and pass the leases of that on
        to it.
        """
        row = rows.run_row(run, epoch, rows.time_text(at) or "")
        before = [older for older in self.under_way() if self._is_same(older, run)]
        self.register.put(self.register.tree.run(epoch), row, durable=True)
        self.register.put(
            self._pulse(epoch),
            {name: row[name] for name in ("batch_id", "host", "pid", "started_at", "ended_at", *_OUTLIVES)},
        )
        for older in before:
            for lease in self._folder(older).glob("*.lease"):
                lease.replace(self._folder(epoch) / lease.name)
            self.end(older, "stopped", at)

    def _is_same(self, epoch: int, run: RunInfo) -> bool:
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
        self.register.put(self.register.tree.run(epoch), ended)
        self._pulse(epoch).unlink()
        shutil.rmtree(self._folder(epoch))

    def run(self, epoch: int) -> rows.Row:
        """A run as a row of table `runs`; empty where there is none."""
        pulse = read_object(self._pulse(epoch)) or {}
        return (read_object(self.register.tree.run(epoch)) or {}) | {
            name: pulse[name] for name in _OUTLIVES if name in pulse
        }

    def heartbeat(self, epoch: int, at: datetime, progress: str | None = None) -> None:
        pulse = read_object(self._pulse(epoch)) or {}
        news = {"heartbeat_at": rows.time_text(at)} | ({} if progress is None else {"progress": progress})
        self.register.put(self._pulse(epoch), pulse | news)

    def progress(self, epoch: int) -> str | None:
        return self.run(epoch).get("progress")

    def batches(self, at: datetime) -> list[StoredBatch]:
        paths = sorted(self.register.tree.runs.glob("*.json"), reverse=True)
        runs = (self.run(int(path.stem)) for path in paths)
        return [rows.batch_from(run, alive=is_alive_here(Heartbeat.of(run), at)) for run in runs if run]

    def is_under_way(self, epoch: int) -> bool:
        """Whether a run was begun and has not ended."""
        return self._pulse(epoch).is_file()

    def under_way(self) -> list[int]:
        """Every run that has not ended, dead or alive; also one that was killed while it ended."""
        return sorted(int(folder.name) for folder in self.register.tree.live.glob("*"))

    def is_in_use(self, at: datetime) -> bool:
        """Whether any run is at work."""
        return any(self._alive(epoch, at) for epoch in self.under_way())

    def _alive(self, epoch: int, at: datetime) -> bool:
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
        others = [other for other in self.under_way() if other != epoch and self._alive(other, at)]
        return {key for key in keys if any(self._holds(other, key) for other in others)}

    def take(self, epoch: int, keys: Collection[WorkKey]) -> None:
        names = {self.register.tree.lease_name(key) for key in keys}
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
        return self.register.tree.epoch_folder(epoch)

    def _pulse(self, epoch: int) -> Path:
        return self._folder(epoch) / "pulse.json"

    def _lease(self, epoch: int, key: WorkKey) -> Path:
        return self._folder(epoch) / self.register.tree.lease_name(key)
