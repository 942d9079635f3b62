"""The protocols that files and databases implement for the one backend: jobs, runs, results and so on.

A transaction is all or nothing in a database. In files each write is whole, and a kill may come between any
two of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from actors.stores.rules.erasure import PersonErasure
from actors.stores.rules.people import PeopleErasure
from actors.stores.rules.pruning import PruneDecision
from schemas.annotations.annotation import Annotation
from schemas.annotations.words import WordSearch
from schemas.media.video import Video
from schemas.storage.backend import Embeddings, FaceLinks, Identity, Outcome, RowCount, VideoFacts
from schemas.storage.people import PeopleLog, PersonEdit, PersonReference
from schemas.storage.retention import Removed
from schemas.work.attempt import Attempt
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob, JobStatus, PipelineResult
from schemas.work.job_event import Control, JobEvent, NumberedEvent
from schemas.work.manifest import ChunkCommit, ManifestLine
from schemas.work.run import RunInfo, StoredBatch

Rows = Sequence[Mapping[str, Any]]  # flat, as in column `data`
Interrupted = tuple[WorkKey, set[str]]  # a complete result, and the other configurations that stay


class Jobs(Protocol):
    """Jobs with the states of their pipelines.

    `put` keeps the stored state of pipelines that a job does not name. `supersede` removes one pipeline from
    jobs. Each change is a job before and after; after is None where the job and its log are to be removed.
    """

    def of_videos(self, video_ids: Iterable[str]) -> list[BatchJob]: ...
    def by_id(self, job_ids: Iterable[str]) -> list[BatchJob]: ...  # those that exist, each once
    def select(self, status: JobStatus | None = None, batch_id: str | None = None) -> list[BatchJob]: ...
    def put(self, jobs: Sequence[BatchJob]) -> None: ...
    def supersede(self, pipeline: str, changes: Sequence[tuple[BatchJob, BatchJob | None]]) -> None: ...
    def controls(self) -> dict[str, Control]: ...
    def batch_ids(self, without: Collection[str]) -> set[str | None]: ...  # of all jobs but these


class Runs(Protocol):
    """Runs by their epochs, and the leases that they hold.

    `begin` returns the new run's epoch; it ends an earlier run of the same process and the same batch, and
    takes over its leases. `end` changes nothing where the run has ended. `holders` and `held_by` are about
    runs dead or alive, `held_by_others` about other runs that are alive. `take` leases keys to a run, whoever
    held them before.
    """

    def newest(self) -> int: ...  # 0 before the first
    def begin(self, run: RunInfo, at: datetime) -> int: ...
    def end(self, epoch: int, outcome: str, at: datetime) -> None: ...
    def heartbeat(self, epoch: int, at: datetime, progress: str | None = None) -> None: ...
    def progress(self, epoch: int) -> str | None: ...
    def batches(self, at: datetime) -> list[StoredBatch]: ...  # newest first
    def holders(self, keys: Collection[WorkKey]) -> dict[WorkKey, int]: ...
    def held_by(self, epoch: int, keys: Collection[WorkKey]) -> set[WorkKey]: ...
    def held_by_others(self, epoch: int | None, keys: Collection[WorkKey], at: datetime) -> set[WorkKey]: ...
    def take(self, epoch: int, keys: Collection[WorkKey]) -> None: ...
    def drop(self, keys: Collection[WorkKey], *, epoch: int | None = None) -> None: ...


class Attempts(Protocol):
    """Attempts at chunks.

    `record` does not change attempts that have ended, nor fields that are None in what it is given.
    `newest_numbers` are by chunk id. `end_leased` forgets the leased attempts of committed chunks: the
    manifest lines say as much.
    """

    def record(self, attempts: Sequence[Attempt]) -> None: ...
    def of_videos(self, video_ids: Iterable[str]) -> list[Attempt]: ...  # by chunk and number
    def newest_numbers(self, commits: Iterable[ChunkCommit]) -> dict[str, int]: ...
    def end_leased(self, commits: Iterable[ChunkCommit]) -> None: ...
    def forget(self, video_ids: Iterable[str], *, leased_only: bool) -> None: ...


class JobLog(Protocol):
    """The logs of jobs.

    `registered_by` returns the ids of jobs whose log already says that this run has registered them.
    """

    def note(self, entries: Iterable[tuple[BatchJob, JobEvent]]) -> None: ...
    def events(self, job: BatchJob) -> list[JobEvent]: ...
    def registered_by(self, jobs: Sequence[BatchJob], epoch: int) -> set[str]: ...
    def after(self, number: int, limit: int) -> list[NumberedEvent]: ...  # of all jobs, without free text
    def newest(self) -> int: ...


class Videos(Protocol):
    """Videos and the paths at which they were found.

    `put` keeps the stored facts of the sound where the sound was not probed this time. `paths` maps each path
    to its video id.
    """

    def put(self, videos: Sequence[Video]) -> None: ...
    def put_paths(self, videos: Sequence[Video]) -> None: ...
    def by_id(self, video_ids: Iterable[str]) -> dict[str, Video]: ...
    def by_path(self, paths: Iterable[str]) -> dict[str, Video]: ...
    def fingerprints(self, video_ids: Iterable[str]) -> dict[str, str]: ...
    def ids_by_content(self, fingerprints: Iterable[str]) -> dict[str, tuple[str, ...]]: ...
    def facts(self, video_ids: Iterable[str] | None) -> dict[str, VideoFacts]: ...  # None: of all
    def paths(self) -> dict[str, str]: ...
    def paths_of(self, video_id: str) -> set[str]: ...  # also those in its jobs


class Chunks(Protocol):
    """Committed chunks of work keys: manifest lines, rows and payloads.

    `put` replaces all chunks that share a frame with a new one. `drop_payloads` keeps the manifest lines.
    """

    def put(self, commits: Sequence[ChunkCommit], at: datetime) -> None: ...
    def frames_committed(self, keys: Collection[WorkKey]) -> dict[WorkKey, int]: ...
    def lines_of(self, keys: Collection[WorkKey]) -> dict[WorkKey, list[ManifestLine]]: ...
    def seconds_of(self, key: WorkKey) -> float: ...  # decode and model time
    def payloads(self, key: WorkKey) -> list[bytes]: ...  # none once the key is complete
    def drop_payloads(self, key: WorkKey) -> None: ...


class Results(Protocol):
    """Rows and embeddings of work keys.

    `store` replaces a key's rows and embeddings by those of an outcome; `data` are all rows of the key after
    it. `ids_of_others` returns those of the ids that rows of other keys have. "Configurations" are other
    configurations of the key's pipeline and video: those that live runs work on, or those to remove with
    their leases. `interrupted` yields complete results whose replacement of others was cut off by a kill;
    none where a transaction is all or nothing.
    """

    def complete(self, keys: Iterable[WorkKey]) -> dict[WorkKey, PipelineResult]: ...
    def complete_of(self, video_ids: Iterable[str]) -> set[WorkKey]: ...
    def is_complete(self, job_id: str, pipeline: str) -> bool: ...  # without reading rows
    def data_of(self, key: WorkKey) -> list[dict[str, Any]]: ...  # flat, in any order
    def annotations(self, key: WorkKey) -> list[Annotation]: ...  # in reading order
    def each_annotation(
        self, key: WorkKey, kinds: Sequence[str], frames: range | None
    ) -> Iterable[Annotation]: ...
    def row_counts(
        self, keys: Sequence[WorkKey], kinds: Sequence[str]
    ) -> dict[WorkKey, dict[str, RowCount]]: ...
    def confidence_counts(self, keys: Sequence[WorkKey]) -> dict[WorkKey, dict[str, list[int]]]: ...
    def face_links(self, keys: Sequence[WorkKey]) -> dict[WorkKey, FaceLinks]: ...
    def embeddings(self, key: WorkKey) -> Embeddings | None: ...
    def current_keys(self, pipeline: str, video_ids: Sequence[str] | None) -> dict[WorkKey, str]: ...
    def embedding_tokens(self) -> dict[WorkKey, str]: ...  # of complete keys
    def ids_of_others(self, key: WorkKey, annotation_ids: Sequence[str]) -> set[str]: ...
    def store(self, outcome: Outcome, result: PipelineResult, job: BatchJob, data: Rows) -> None: ...
    def location(self, key: WorkKey) -> str: ...  # file or URL of a complete result
    def configurations_in_work(self, epoch: int | None, key: WorkKey, at: datetime) -> set[str]: ...
    def drop_configurations(self, key: WorkKey, kept: Set[str]) -> None: ...
    def interrupted(self, keys: Iterable[WorkKey], epoch: int, at: datetime) -> Iterable[Interrupted]: ...
    def canonical_rows(self) -> Iterator[Mapping[str, Any]]: ...  # annotations and embeddings
    def utterances(
        self, search: WordSearch, video_ids: Sequence[str] | None
    ) -> Iterable[Annotation]: ...  # rows of speech, of whatever key, in any order
    def words_near(self, speech_rows: Sequence[Annotation]) -> Iterable[Annotation]: ...  # in any order


class Catalog(Protocol):
    """Settings and identities of the whole collection; identities are replaced all at once."""

    def setting(self, name: str) -> str | None: ...
    def put_setting(self, name: str, value: str) -> None: ...
    def drop_setting(self, name: str) -> bool: ...
    def settings_below(self, prefix: str) -> dict[str, str]: ...  # by name, without the prefix
    def identities(self) -> list[Identity]: ...
    def put_identities(self, identities: Sequence[Identity]) -> None: ...


class PeopleRecords(Protocol):
    """Who is who by hand: the log of edits, and the references that it is about.

    `append` replaces references of the same id. `replace` is for erasing: a log is only ever appended to.
    """

    def log(self) -> PeopleLog: ...
    def append(self, edit: PersonEdit, references: Sequence[PersonReference]) -> None: ...
    def replace(self, log: PeopleLog) -> None: ...


class Remover(Protocol):
    """Removes, or only counts on a dry run; counts are by table or kind of file.

    `remains` has a line for each kind of copy that the store cannot reach. `require_inside` raises `LeadsOut`
    where links lead out of the store. `drop_jobs` removes runs too; `siblings` are all jobs of the videos
    concerned. `people` is what is erased of who is who at the same time.
    """

    @property
    def remains(self) -> tuple[str, ...]: ...
    def require_inside(self, video_ids: Iterable[str]) -> None: ...
    def key_bytes(self, jobs: Sequence[BatchJob]) -> dict[WorkKey, int]: ...
    def video_bytes(self, jobs: Sequence[BatchJob]) -> dict[str, int]: ...  # beside those of its keys
    def rows_of(self, key: WorkKey) -> Sequence[Annotation]: ...
    def has_rows(self, key: WorkKey) -> bool: ...
    def drop_jobs(
        self,
        decision: PruneDecision,
        epochs: Collection[int],
        siblings: Sequence[BatchJob],
        people: PeopleErasure,
    ) -> Counter[str]: ...
    def drop_video(
        self, video_id: str, jobs: Sequence[BatchJob], paths: Collection[str], people: PeopleErasure
    ) -> Counter[str]: ...
    def drop_persons(self, persons: Sequence[PersonErasure], people: PeopleErasure) -> Counter[str]: ...


@dataclass(frozen=True, slots=True)
class Transaction:
    """Everything that one call reads and writes.

    `now` is the time by which runs count as alive, UTC, in whole seconds. It is the same for every machine
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
    people: PeopleRecords
    removal: Remover


class Storage(Protocol):
    """The files or the database of a store, which open transactions.

    `read` is one snapshot in a database. `write` locks these videos against other writers (None: everything),
    and raises `StaleEpoch` unless the run of that epoch is under way (None: a call by hand, outside any run).
    `remove` is for removing by hand; it first finishes a removal that was interrupted. `erase` also clears
    the bytes of what is removed from the store's own files.
    """

    @property
    def url(self) -> str: ...
    def read(self) -> AbstractContextManager[Transaction]: ...
    def write(
        self, epoch: int | None, videos: Iterable[str] | None = None
    ) -> AbstractContextManager[Transaction]: ...
    def remove(self) -> AbstractContextManager[Transaction]: ...
    def erase(self, remove: Callable[[Transaction], Removed], *, dry_run: bool) -> Removed: ...
    def finish_removal(self) -> Removed: ...
    def close(self) -> None: ...
