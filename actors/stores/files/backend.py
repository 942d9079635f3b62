"""The store of plain files: the seed's tree, with the manifest hidden beside what people open."""

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
from actors.stores.files.job_log import FileJobLog
from actors.stores.files.jobs import FileJobs
from actors.stores.files.layout import FileLayout
from actors.stores.files.leases import FileRuns
from actors.stores.files.lock import held, lay_out
from actors.stores.files.registry import Registry
from actors.stores.files.results import FileChunks, FileResults
from actors.stores.files.retention import FileRemover
from actors.stores.files.videos import FileVideos
from actors.stores.rules.erasure_text import removed
from actors.stores.rules.transitions import now
from schemas.errors import NotFound, StaleEpoch, StoreUnreachable
from schemas.storage.retention import Removed


class FilesStorage:
    """One tree of files. Writers take turns by a lock; readers need none: files are replaced whole."""

    def __init__(self, base: Path, *, read_only: bool) -> None:
        self._tree, self._read_only = FileLayout(base), read_only
        self.url = f"files:{base}"
        if read_only and not self._tree.epoch.is_file():
            raise NotFound("store", self.url)
        if not read_only:
            lay_out(self._tree)
        self._register = Registry(self._tree)
        self._leases = FileRuns(self._register)
        self._jobs = FileJobs(self._register)
        self._removal = FileRemover(self._register, self._leases)
        self._transaction = self._opened(self._removal)

    def _opened(self, removal: FileRemover) -> Transaction:
        videos = FileVideos(self._register)
        return Transaction(
            url=self.url,
            now=self._now,
            jobs=self._jobs,
            runs=self._leases,
            attempts=FileAttempts(self._register),
            log=FileJobLog(self._tree),
            videos=videos,
            chunks=FileChunks(self._tree, self._jobs),
            results=FileResults(self._tree, self._jobs, videos, self._leases),
            catalog=FileCatalog(self._register),
            removal=removal,
        )

    @staticmethod
    def _now() -> datetime:
        """By this machine's clock, as every writer of one folder is taken to go by one time."""
        return now()

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        yield self._transaction

    @contextmanager
    def write(self, epoch: int | None, videos: Iterable[str] | None = None) -> Iterator[Transaction]:
        if self._read_only:
            raise StoreUnreachable(self.url, "it was opened for reading only")
        with held(self._tree) as newest, require_encodable(self.url):
            if epoch is not None and not self._leases.is_under_way(epoch):
                raise StaleEpoch(epoch, newest)
            yield self._transaction

    # Removing.

    @contextmanager
    def remove(self) -> Iterator[Transaction]:
        with self.write(None) as tx:
            self._removal.carry_to_its_end()
            yield tx

    def erase(self, carry_out: Callable[[Transaction], Removed], *, dry_run: bool) -> Removed:
        if dry_run:
            return carry_out(self._opened(FileRemover(self._register, self._leases, dry_run=True)))
        with self.remove() as tx:
            return carry_out(tx)

    def finish_removal(self) -> Removed:
        if not self._tree.removal.exists():
            return Removed()
        with self.write(None):
            return removed(self._removal.carry_to_its_end())

    def close(self) -> None:
        """Nothing is held open between calls."""


class FileStorageBackend(Backend):
    """A folder per video under `base_dir`, made if need be; `read_only` never creates or changes anything.

    Every file is replaced whole. Results and chunks are synced to the disk before they count; job and video
    files are not, since the same command registers them again. Writers take turns, any number of readers
    beside them. Raises `StoreUnreachable` when the folder cannot be used, `NotFound` when it is to be read
    and holds no store.
    """

    def __init__(self, base_dir: Path, *, read_only: bool = False) -> None:
        super().__init__(FilesStorage(Path(base_dir).absolute(), read_only=read_only))
