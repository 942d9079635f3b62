"""What files and databases offer to the one backend: a few verbs each for jobs, runs, results and so on.

A transaction is all or nothing in a database. In files each write is whole, and a kill may come between any
two.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from actors.stores.rules.erasure import PersonErasure
from actors.stores.rules.pruning import PruneDecision
from schemas.annotations.annotation import Annotation
from schemas.media.video import Video
from schemas.storage.backend import Embeddings, Identity, Outcome, RowCount
from schemas.storage.retention import Removed
from schemas.work.attempt import Attempt
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob, JobStatus, PipelineResult
from schemas.work.job_event import Control, JobEvent
from schemas.work.manifest import ChunkCommit, ManifestLine
from schemas.work.run import RunInfo, StoredBatch

Rows = Sequence[Mapping[str, Any]]  # flat, as column `data` holds them
Interrupted = tuple[WorkKey, set[str]]  # a complete result, and the other configurations that stay


class Jobs(Protocol):
    """Jobs with the states of their pipelines.

    `put` keeps the state of pipelines that a job does not name. `supersede` takes one pipeline out of jobs,
    each with what is left of it; where that is None the job goes with its log.
    """

    def of_videos(self, video_ids: Iterable[str]) -> list[BatchJob]: ...
    def by_id(self, job_ids: Iterable[str]) -> list[BatchJob]: ...  # those that there are, each once
    def select(self, status: JobStatus | None = None, batch_id: str | None = None) -> list[BatchJob]: ...
    def put(self, jobs: Sequence[BatchJob]) -> None: ...
    def supersede(self, pipeline: str, changes: Sequence[tuple[BatchJob, BatchJob | None]]) -> None: ...
    def controls(self) -> dict[str, Control]: ...
    def batch_ids(self, without: Collection[str]) -> set[str | None]: ...  # of all jobs but these


class Runs(Protocol):
    """Runs by their epochs, and the leases they hold.

    `begin` returns the new run's epoch; it ends what the same process began of the same batch before, and
    takes over its leases. `end` changes nothing where the run has ended. `holders` and `held_by` ask for any
    run, dead or alive, `held_elsewhere` for other runs that live. `take` takes a key from whoever held it.
    """

    def newest(self) -> int: ...  # 0 before the first
    def begin(self, run: RunInfo, at: datetime) -> int: ...
    def end(self, epoch: int, outcome: str, at: datetime) -> None: ...
    def beat(self, epoch: int, at: datetime, progress: str | None = None) -> None: ...
    def progress(self, epoch: int) -> str | None: ...
    def batches(self, at: datetime) -> list[StoredBatch]: ...  # newest first
    def holders(self, keys: Collection[WorkKey]) -> dict[WorkKey, int]: ...
    def held_by(self, epoch: int, keys: Collection[WorkKey]) -> set[WorkKey]: ...
    def held_elsewhere(self, epoch: int | None, keys: Collection[WorkKey], at: datetime) -> set[WorkKey]: ...
    def take(self, epoch: int, keys: Collection[WorkKey]) -> None: ...
    def drop(self, keys: Collection[WorkKey], *, epoch: int | None = None) -> None: ...


class Attempts(Protocol):
    """Attempts at chunks.

    `record` leaves attempts that have ended, and fields that the news do not tell. `newest_numbers` are by
    chunk id. `end_leased` forgets the attempts that committed chunks were leased for: their manifest lines
    say all there is.
    """

    def record(self, news: Sequence[Attempt]) -> None: ...
    def of_videos(self, video_ids: Iterable[str]) -> list[Attempt]: ...  # by chunk and number
    def newest_numbers(self, commits: Iterable[ChunkCommit]) -> dict[str, int]: ...
    def end_leased(self, commits: Iterable[ChunkCommit]) -> None: ...
    def forget(self, video_ids: Iterable[str], *, leased_only: bool) -> None: ...


class JobLog(Protocol):
    """The logs of jobs. `registered_by` are ids of jobs whose log says already that this run has taken them
    up.
    """

    def note(self, entries: Iterable[tuple[BatchJob, JobEvent]]) -> None: ...
    def noted(self, job: BatchJob) -> list[JobEvent]: ...
    def registered_by(self, jobs: Sequence[BatchJob], epoch: int) -> set[str]: ...


class Videos(Protocol):
    """Videos and the paths they were found under.

    `put` keeps what is known of the sound where nobody looked for it. `paths` tells the video id of each
    path.
    """

    def put(self, videos: Sequence[Video]) -> None: ...
    def put_paths(self, videos: Sequence[Video]) -> None: ...
    def by_id(self, video_ids: Iterable[str]) -> dict[str, Video]: ...
    def by_path(self, paths: Iterable[str]) -> dict[str, Video]: ...
    def fingerprints(self, video_ids: Iterable[str]) -> dict[str, str]: ...
    def ids_by_content(self, fingerprints: Iterable[str]) -> dict[str, tuple[str, ...]]: ...
    def paths(self) -> dict[str, str]: ...
    def paths_of(self, video_id: str) -> set[str]: ...  # those that jobs name too


class Chunks(Protocol):
    """Committed chunks of work keys: manifest lines, rows and payloads.

    `put` replaces whatever shares a frame with a chunk by it. `drop_payloads` leaves the manifest lines.
    """

    def put(self, commits: Sequence[ChunkCommit], at: datetime) -> None: ...
    def frames_committed(self, keys: Collection[WorkKey]) -> dict[WorkKey, int]: ...
    def lines_of(self, keys: Collection[WorkKey]) -> dict[WorkKey, list[ManifestLine]]: ...
    def seconds_of(self, key: WorkKey) -> float: ...  # decode and model time
    def payloads(self, key: WorkKey) -> list[bytes]: ...  # none once it is complete
    def drop_payloads(self, key: WorkKey) -> None: ...


class Results(Protocol):
    """Rows and embeddings of work keys.

    `store` puts what an outcome says in place of a key's rows and embeddings; `data` are all rows that there
    are then. `ids_of_others` are those of the ids that rows of other keys have. "Configurations" are others
    of the key's pipeline and video: those that live runs are at, or those to remove, with their leases.
    `interrupted` are complete results that a kill kept from replacing what they replace; there are none where
    a transaction is all or nothing.
    """

    def complete(self, keys: Iterable[WorkKey]) -> dict[WorkKey, PipelineResult]: ...
    def complete_of(self, video_ids: Iterable[str]) -> set[WorkKey]: ...
    def is_complete(self, job_id: str, pipeline: str) -> bool: ...  # without reading rows
    def data_of(self, key: WorkKey) -> list[dict[str, Any]]: ...  # flat, in any order
    def annotations(self, key: WorkKey) -> list[Annotation]: ...  # in reading order
    def row_counts(
        self, keys: Sequence[WorkKey], kinds: Sequence[str]
    ) -> dict[WorkKey, dict[str, RowCount]]: ...
    def embeddings(self, key: WorkKey) -> Embeddings | None: ...
    def ids_of_others(self, key: WorkKey, annotation_ids: Sequence[str]) -> set[str]: ...
    def store(self, outcome: Outcome, result: PipelineResult, job: BatchJob, data: Rows) -> None: ...
    def location(self, key: WorkKey) -> str: ...  # file or URL of a complete result
    def configurations_elsewhere(self, epoch: int | None, key: WorkKey, at: datetime) -> set[str]: ...
    def drop_configurations(self, key: WorkKey, spared: Set[str]) -> None: ...
    def interrupted(self, keys: Iterable[WorkKey], epoch: int, at: datetime) -> Iterable[Interrupted]: ...
    def canonical_rows(self) -> Iterator[Mapping[str, Any]]: ...  # annotations and embeddings


class Catalog(Protocol):
    """Settings and identities of the collection as a whole; identities are replaced all at once."""

    def setting(self, name: str) -> str | None: ...
    def put_setting(self, name: str, value: str) -> None: ...
    def identities(self) -> list[Identity]: ...
    def put_identities(self, identities: Sequence[Identity]) -> None: ...


class Remover(Protocol):
    """Removes, or on a dry run only counts; counts are by table or kind of file.

    `remains` says what nobody here can reach. `require_inside` raises `LeadsOut` where what is kept of a
    video is not in the store itself. `drop_jobs` removes runs too; `there` are all jobs of the videos
    concerned.
    """

    @property
    def remains(self) -> tuple[str, ...]: ...
    def require_inside(self, video_ids: Iterable[str]) -> None: ...
    def key_bytes(self, jobs: Sequence[BatchJob]) -> dict[WorkKey, int]: ...
    def video_bytes(self, jobs: Sequence[BatchJob]) -> dict[str, int]: ...  # beside those of its keys
    def rows_of(self, key: WorkKey) -> Sequence[Annotation]: ...
    def has_rows(self, key: WorkKey) -> bool: ...
    def drop_jobs(
        self, going: PruneDecision, epochs: Collection[int], there: Sequence[BatchJob]
    ) -> Counter[str]: ...
    def drop_video(self, video_id: str, jobs: Sequence[BatchJob], paths: Collection[str]) -> Counter[str]: ...
    def drop_persons(self, persons: Sequence[PersonErasure]) -> Counter[str]: ...


@dataclass(frozen=True, slots=True)
class Transaction:
    """Everything that one call reads and writes.

    `now` tells the time by which runs are alive or dead, UTC, in whole seconds: the same for every machine
    that writes this store.
    """

    url: str
    now: Callable[[], datetime]
    jobs: Jobs
    runs: Runs
    attempts: Attempts
    log: JobLog
    videos: Videos
    chunks: Chunks
    results: Results
    catalog: Catalog
    removal: Remover


class Storage(Protocol):
    """Where a store keeps everything.

    `read` is one snapshot in a database. `write` keeps others from writing to these videos (None: to
    anything), and raises `StaleEpoch` unless that run is under way (None: by hand, outside any run). `remove`
    is for removing by hand; what an earlier removal was kept from is done before. `erase` leaves no bytes of
    what goes in the store's own files.
    """

    @property
    def url(self) -> str: ...
    def read(self) -> AbstractContextManager[Transaction]: ...
    def write(
        self, epoch: int | None, videos: Iterable[str] | None = None
    ) -> AbstractContextManager[Transaction]: ...
    def remove(self) -> AbstractContextManager[Transaction]: ...
    def erase(self, carry_out: Callable[[Transaction], Removed], *, dry_run: bool) -> Removed: ...
    def finish_removal(self) -> Removed: ...
    def close(self) -> None: ...
