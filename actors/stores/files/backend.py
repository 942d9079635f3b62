"""A store of plain files, with the manifest in hidden folders beside the files that people open."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from actors.stores.backend.backend import Backend
from actors.stores.backend.transaction import Transaction
from actors.stores.encoding.refusals import require_encodable
from actors.stores.files.attempts import FileAttempts
from actors.stores.files.catalog import FileCatalog
from actors.stores.files.documents.job_log import FileJobLog
from actors.stores.files.documents.layout import FileLayout
from actors.stores.files.documents.lock import create_store, exclusive_lock
from actors.stores.files.jobs import FileJobs
from actors.stores.files.leases import FileRuns
from actors.stores.files.people import FilePeople
from actors.stores.files.registry import Registry
from actors.stores.files.results import FileChunks, FileResults
from actors.stores.files.retention import FileRemover
from actors.stores.files.videos import FileVideos
from actors.stores.rules.erasure_text import removed
from actors.stores.rules.states import now
from schemas.errors import NotFound, StaleEpoch, StoreUnreachable
from schemas.storage.retention import Removed


class FilesStorage:
    """The files of a store. Writers take turns by a lock; readers need none: files are replaced whole."""

    def __init__(self, base: Path, *, read_only: bool) -> None:
        self._layout, self._read_only = FileLayout(base), read_only
        self.url = f"files:{base}"
        if read_only and not self._layout.epoch.is_file():
            raise NotFound("store", self.url)
        if not read_only:
            create_store(self._layout)
        self._registry = Registry(self._layout)
        self._runs = FileRuns(self._registry)
        self._jobs = FileJobs(self._registry)
        self._remover = FileRemover(self._registry, self._runs)
        self._transaction = self._make_transaction(self._remover)

    def _make_transaction(self, removal: FileRemover) -> Transaction:
        videos = FileVideos(self._registry)
        return Transaction(
            url=self.url,
            now=self._now,
            jobs=self._jobs,
            runs=self._runs,
            attempts=FileAttempts(self._registry),
            log=FileJobLog(self._layout),
            videos=videos,
            chunks=FileChunks(self._layout, self._jobs),
            results=FileResults(self._layout, self._jobs, videos, self._runs),
            catalog=FileCatalog(self._registry),
            people=FilePeople(self._registry),
            removal=removal,
        )

    @staticmethod
    def _now() -> datetime:
        """This machine's time: all writers of one folder are assumed to have the same."""
        return now()

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        yield self._transaction

    @contextmanager
    def write(self, epoch: int | None, videos: Iterable[str] | None = None) -> Iterator[Transaction]:
        if self._read_only:
            raise StoreUnreachable(self.url, "it was opened for reading only")
        with exclusive_lock(self._layout) as newest, require_encodable(self.url):
            if epoch is not None and not self._runs.is_under_way(epoch):
                raise StaleEpoch(epoch, newest)
            yield self._transaction

    # Removing.

    @contextmanager
    def remove(self) -> Iterator[Transaction]:
        with self.write(None) as tx:
            self._remover.finish_pending()
            yield tx

    def erase(self, remove: Callable[[Transaction], Removed], *, dry_run: bool) -> Removed:
        if dry_run:
            return remove(self._make_transaction(FileRemover(self._registry, self._runs, dry_run=True)))
        with self.remove() as tx:
            return remove(tx)

    def finish_removal(self) -> Removed:
        if not self._layout.removal.exists():
            return Removed()
        with self.write(None):
            return removed(self._remover.finish_pending())

    def close(self) -> None:
        """Does nothing: no file stays open between calls."""


class FileStorageBackend(Backend):
    """A store in the folder `base_dir`, with a folder for each video; a missing store is created.

    `read_only` never creates or changes anything. Every file is replaced whole. Results and chunks are synced
    to the disk before they count; files of jobs and videos are not, since the same command registers them
    again. Writers take turns, beside any number of readers. Raises `StoreUnreachable` when the folder cannot
    be used, `NotFound` when it is to be read and has no store.
    """

    def __init__(self, base_dir: Path, *, read_only: bool = False) -> None:
        super().__init__(FilesStorage(Path(base_dir).absolute(), read_only=read_only))
