"""`ProgressTracker`: how far a batch is, read from its store while it runs, in whatever process, or after
it.
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
    """The progress of a batch of `store`: by default of the newest, or of `batch_id`, or the beginning of
    one.

    Without a store, that of `db` or under `out` is read, as for `vaengine status`, and closed by `close` or a
    `with` block. Raises `NotFound` where there is no such store.
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

        self._own = store is None
        self._store = store or opened(None if out is None else os.fspath(out), db)
        self._batch_id = batch_id

    def snapshot(self) -> BatchProgress:
        """How far the batch is now; raises `NotFound` where the store has no such batch."""
        return self._snapshot(self._runs(self._batch_id))

    def watch(self, interval_s: float = 1.0) -> Iterator[BatchProgress]:
        """A snapshot at once and every `interval_s` seconds; the last one is that of the batch's end.

        Raises as `snapshot` does.
        """
        if not interval_s > 0:
            raise UsageError(f"interval_s takes seconds above 0, not {interval_s!r}")
        batch_id = self._batch_id
        while True:
            runs = self._runs(batch_id)
            batch_id = runs[0].batch_id  # the newest one when watching began
            found = self._snapshot(runs)
            yield found
            if found.is_over:
                return
            time.sleep(interval_s)

    def export(self, path: StrPath, *, overwrite: bool = False) -> Path:
        """Write a snapshot to a `.json` or `.csv` file, whole or not at all, and return its path.

        A file that is there is replaced if it is such an export, any other only with `overwrite`. Raises
        `UsageError`.
        """
        return write_export(self.snapshot(), Path(path).expanduser(), overwrite=overwrite)

    def close(self) -> None:
        """Close the store, if it was opened here."""
        if self._own:
            self._store.close()

    def __enter__(self) -> ProgressTracker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _runs(self, batch_id: str | None) -> list[StoredBatch]:
        """The runs of the batch that is meant, newest first."""
        every = self._store.batches()
        meant = dict.fromkeys(run.batch_id for run in every if run.batch_id.startswith(batch_id or ""))
        if batch_id in meant:
            meant = {batch_id: None}
        if not meant:
            raise NotFound(f"batch {batch_id}" if batch_id else "a batch", self._store.url)
        if batch_id and len(meant) > 1:
            raise UsageError(f"batch {batch_id} could be {', '.join(meant)}; give more of its id")
        newest = next(iter(meant))
        return [run for run in every if run.batch_id == newest]

    def _snapshot(self, runs: list[StoredBatch]) -> BatchProgress:
        told = self._store.progress(runs[0].epoch) if runs[0].alive else None
        live = Snapshot.from_json(told) if told else None
        jobs = list(self._store.jobs(batch_id=runs[0].batch_id))
        return progress_of(jobs, runs, datetime.now(UTC), live)
