"""`ProgressTracker`: reads the progress of a batch from its store.

It works during the run or after it, in any process.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from schemas.errors import NotFound, UsageError
from schemas.storage.backend import StorageBackend
from schemas.work.batch_progress import BatchProgress
from schemas.work.progress import Snapshot
from schemas.work.run import StoredBatch
from vaengine.reporting.batch_progress import progress_of
from vaengine.reporting.progress_export import write_export

StrPath = str | os.PathLike[str]


class ProgressTracker:
    """The progress of a batch of `store`: the newest, or the one with `batch_id` or this beginning of its id.

    Without a store, that of `db` or under `out` is read, as for `vaengine status`; `close` or a `with` block
    closes it. Raises `NotFound` where there is no such store.
    """

    def __init__(
        self,
        store: StorageBackend | None = None,
        *,
        batch_id: str | None = None,
        out: StrPath | None = None,
        db: str | None = None,
    ) -> None:
        from vaengine.requests.store_location import opened

        self._owns_store = store is None
        self._store = store or opened(None if out is None else os.fspath(out), db)
        self._batch_id = batch_id

    def snapshot(self) -> BatchProgress:
        """The progress of the batch now; raises `NotFound` where the store has no such batch."""
        return self._snapshot(self._runs(self._batch_id))

    def watch(self, interval_s: float = 1.0) -> Iterator[BatchProgress]:
        """Yield the progress at once and every `interval_s` seconds, the last time at the end of the batch.

        Raises what `snapshot` raises.
        """
        if not interval_s > 0:
            raise UsageError(f"interval_s takes seconds above 0, not {interval_s!r}")
        batch_id = self._batch_id
        while True:
            runs = self._runs(batch_id)
            batch_id = runs[0].batch_id  # the newest one when watching began
            progress = self._snapshot(runs)
            yield progress
            if progress.is_over:
                return
            time.sleep(interval_s)

    def export(self, path: StrPath, *, overwrite: bool = False) -> Path:
        """Write the progress to a `.json` or `.csv` file, whole or not at all, and return its path.

        An earlier export is replaced, any other file only with `overwrite`. Raises `UsageError`.
        """
        return write_export(self.snapshot(), Path(path).expanduser(), overwrite=overwrite)

    def close(self) -> None:
        """Close the store, if it was opened here."""
        if self._owns_store:
            self._store.close()

    def __enter__(self) -> ProgressTracker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _runs(self, batch_id: str | None) -> list[StoredBatch]:
        """The runs of the specified batch, newest first."""
        all_runs = self._store.batches()
        matching_ids = dict.fromkeys(
            run.batch_id for run in all_runs if run.batch_id.startswith(batch_id or "")
        )
        if batch_id in matching_ids:
            matching_ids = {batch_id: None}
        if not matching_ids:
            raise NotFound(f"batch {batch_id}" if batch_id else "a batch", self._store.url)
        if batch_id and len(matching_ids) > 1:
            raise UsageError(f"batch {batch_id} could be {', '.join(matching_ids)}; give more of its id")
        newest = next(iter(matching_ids))
        return [run for run in all_runs if run.batch_id == newest]

    def _snapshot(self, runs: list[StoredBatch]) -> BatchProgress:
        snapshot_json = self._store.progress(runs[0].epoch) if runs[0].alive else None
        live = Snapshot.from_json(snapshot_json) if snapshot_json else None
        jobs = list(self._store.jobs(batch_id=runs[0].batch_id))
        return progress_of(jobs, runs, datetime.now(UTC), live)
