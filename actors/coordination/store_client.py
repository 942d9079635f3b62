"""A client of a store that another thread or process owns, with the interface of the store itself."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from actors.coordination.answer import ask
from actors.stores import open_store
from actors.stores.engines.address import without_password
from schemas.annotations.annotation import Annotation
from schemas.annotations.words import WordSearch
from schemas.errors import DiskFull, StoreFailed
from schemas.media.video import Video
from schemas.storage.backend import (
    Embeddings,
    FaceLinks,
    Identity,
    Outcome,
    RowCount,
    StorageBackend,
    VideoFacts,
    ordered_rows,
)
from schemas.storage.imports import HumanResults, NamingEdits
from schemas.storage.people import PeopleLog, PersonEdit, PersonReference
from schemas.storage.retention import PersonIn, Pruning, Removed, Stock
from schemas.work.attempt import Attempt, PipelineStart
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob, JobStatus
from schemas.work.job_event import Control, JobEvent, NumberedEvent
from schemas.work.manifest import ChunkCommit, FrameNumbers, ManifestLine
from schemas.work.retry import GiveUp, RetryPolicy
from schemas.work.run import RunInfo, StoredBatch


class StoreActor:
    """The one writer of a run: it opens the store of a URL and calls it from one thread.

    A refusal that may pass, such as a locked database, is retried by `policy` before it is raised.
    """

    def __init__(self, url: str, policy: RetryPolicy, wait: Callable[[float], None] = time.sleep) -> None:
        self._store, self._policy, self._wait = open_store(url), policy, wait

    def ping(self) -> None:
        """Answers as long as this process lives."""

    def call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method of the store; an iterator becomes a list, since iterators cannot be pickled."""
        attempt = 1
        while True:
            try:
                value = getattr(self._store, method)(*args, **kwargs)
                return list(value) if hasattr(value, "__next__") else value
            except (StoreFailed, DiskFull) as error:
                decision = self._policy.decide(error.kind, attempt, 0, random.random())
                if isinstance(decision, GiveUp):
                    raise
                self._wait(decision.after_s)
                attempt += 1


class StoreCall(Protocol):
    """Calls a method of a `StoreActor`'s store, and raises what the store raises."""

    def __call__(self, method: str, *args: Any, **kwargs: Any) -> Any: ...


class ActorCall:
    """Calls a Ray actor; `require` as in `actors.coordination.answer`."""

    def __init__(self, actor: Any, require: Callable[[], None] | None) -> None:
        self._actor, self._require = actor, require

    def __call__(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Returns the result; raises the store's own error instead of Ray's wrapper around it."""
        import ray

        try:
            return ask(lambda: self._actor.call.remote(method, *args, **kwargs), self._require)
        except ray.exceptions.RayTaskError as error:
            raise error.cause from None


class ThreadCall:
    """Calls a store that a thread of this process owns, one call after the other."""

    def __init__(self, url: str, policy: RetryPolicy) -> None:
        """Open the store; raises what `open_store` raises."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        try:
            self._actor = self._thread.submit(StoreActor, url, policy).result()
        except BaseException:
            self._thread.shutdown()
            raise

    def __call__(self, method: str, *args: Any, **kwargs: Any) -> Any:
        return self._thread.submit(self._actor.call, method, *args, **kwargs).result()

    def close(self) -> None:
        """Close the store and end its thread."""
        self("close")
        self._thread.shutdown()


class StoreClient(StorageBackend):
    """A `StorageBackend` whose every method is a call to a `StoreActor`."""

    def __init__(self, call: StoreCall, url: str) -> None:
        self._call, self.url = call, without_password(url)

    def close(self) -> None:
        """Does nothing: the store belongs to its actor."""

    def save_annotations(self, job_id: str, pipeline: str, annotations: list[dict[str, Any]]) -> str:
        value: str = self._call("save_annotations", job_id, pipeline, annotations)
        return value

    def load_annotations(self, job_id: str, pipeline: str) -> list[dict[str, Any]]:
        value: list[dict[str, Any]] = self._call("load_annotations", job_id, pipeline)
        return value

    def annotation_exists(self, job_id: str, pipeline: str) -> bool:
        value: bool = self._call("annotation_exists", job_id, pipeline)
        return value

    def save_job_metadata(self, job: BatchJob) -> None:
        self._call("save_job_metadata", job)

    def load_job_metadata(self, job_id: str) -> BatchJob:
        value: BatchJob = self._call("load_job_metadata", job_id)
        return value

    def open_run(self, run: RunInfo) -> int:
        value: int = self._call("open_run", run)
        return value

    def close_run(self, epoch: int, outcome: str) -> None:
        self._call("close_run", epoch, outcome)

    def lease(self, epoch: int, keys: Sequence[WorkKey]) -> set[WorkKey]:
        value: set[WorkKey] = self._call("lease", epoch, keys)
        return value

    def release(self, epoch: int, keys: Sequence[WorkKey]) -> None:
        self._call("release", epoch, keys)

    def holders(self, keys: Sequence[WorkKey]) -> dict[WorkKey, int]:
        value: dict[WorkKey, int] = self._call("holders", keys)
        return value

    def batches(self) -> list[StoredBatch]:
        value: list[StoredBatch] = self._call("batches")
        return value

    def record(
        self,
        epoch: int,
        attempts: Sequence[Attempt],
        progress: str | None = None,
        starts: Sequence[PipelineStart] = (),
    ) -> None:
        self._call("record", epoch, attempts, progress, starts)

    def attempts(self, video_ids: Sequence[str]) -> list[Attempt]:
        value: list[Attempt] = self._call("attempts", video_ids)
        return value

    def progress(self, epoch: int) -> str | None:
        value: str | None = self._call("progress", epoch)
        return value

    def request(self, job_ids: Sequence[str], control: Control | None) -> None:
        self._call("request", job_ids, control)

    def controls(self) -> dict[str, Control]:
        value: dict[str, Control] = self._call("controls")
        return value

    def cancel(self, epoch: int | None, job_id: str) -> None:
        self._call("cancel", epoch, job_id)

    def reopen(self, job_ids: Sequence[str], pipelines: Sequence[str] | None = None) -> int:
        value: int = self._call("reopen", job_ids, pipelines)
        return value

    def quarantine(self, job_ids: Sequence[str], pipelines: Sequence[str] | None = None) -> int:
        value: int = self._call("quarantine", job_ids, pipelines)
        return value

    def events(self, job_id: str) -> list[JobEvent]:
        value: list[JobEvent] = self._call("events", job_id)
        return value

    def known_videos(self, paths: Sequence[str]) -> dict[str, Video]:
        value: dict[str, Video] = self._call("known_videos", paths)
        return value

    def fingerprints(self, video_ids: Sequence[str]) -> dict[str, str]:
        value: dict[str, str] = self._call("fingerprints", video_ids)
        return value

    def ids_by_content(self, fingerprints: Sequence[str]) -> dict[str, tuple[str, ...]]:
        value: dict[str, tuple[str, ...]] = self._call("ids_by_content", fingerprints)
        return value

    def known_paths(self) -> dict[str, str]:
        value: dict[str, str] = self._call("known_paths")
        return value

    def add_paths(self, epoch: int, copies: Sequence[Video]) -> None:
        self._call("add_paths", epoch, copies)

    def register(self, epoch: int, videos: Sequence[Video], jobs: Sequence[BatchJob]) -> set[WorkKey]:
        value: set[WorkKey] = self._call("register", epoch, videos, jobs)
        return value

    def completed(self, keys: Sequence[WorkKey]) -> set[WorkKey]:
        value: set[WorkKey] = self._call("completed", keys)
        return value

    def completed_of(self, video_ids: Sequence[str]) -> set[WorkKey]:
        value: set[WorkKey] = self._call("completed_of", video_ids)
        return value

    def manifest(self, keys: Sequence[WorkKey]) -> dict[WorkKey, list[ManifestLine]]:
        value: dict[WorkKey, list[ManifestLine]] = self._call("manifest", keys)
        return value

    def commit_chunks(self, epoch: int, commits: Sequence[ChunkCommit]) -> dict[WorkKey, int]:
        value: dict[WorkKey, int] = self._call("commit_chunks", epoch, commits)
        return value

    def payloads(self, key: WorkKey) -> list[bytes]:
        value: list[bytes] = self._call("payloads", key)
        return value

    def numbers(self, key: WorkKey) -> FrameNumbers:
        value: FrameNumbers = self._call("numbers", key)
        return value

    def finish(self, epoch: int | None, outcome: Outcome) -> None:
        self._call("finish", epoch, outcome)

    def mark(self, epoch: int | None, job_id: str, pipelines: Sequence[str], status: JobStatus) -> None:
        self._call("mark", epoch, job_id, pipelines, status)

    def jobs(
        self,
        *,
        status: JobStatus | None = None,
        batch_id: str | None = None,
        job_ids: Sequence[str] | None = None,
    ) -> Iterator[BatchJob]:
        yield from self._call("jobs", status=status, batch_id=batch_id, job_ids=job_ids)

    def jobs_of(self, video_ids: Sequence[str]) -> list[BatchJob]:
        value: list[BatchJob] = self._call("jobs_of", video_ids)
        return value

    def videos(self, video_ids: Sequence[str]) -> dict[str, Video]:
        value: dict[str, Video] = self._call("videos", video_ids)
        return value

    def annotations(self, key: WorkKey) -> list[Annotation]:
        value: list[Annotation] = self._call("annotations", key)
        return value

    def each_annotation(
        self, key: WorkKey, kinds: Sequence[str], frames: range | None = None
    ) -> Iterator[Annotation]:
        """All at once: an iterator cannot travel between processes."""
        return iter(ordered_rows(self.annotations(key), kinds, frames))

    def row_counts(self, keys: Sequence[WorkKey], kinds: Sequence[str]) -> dict[WorkKey, dict[str, RowCount]]:
        value: dict[WorkKey, dict[str, RowCount]] = self._call("row_counts", keys, kinds)
        return value

    def confidence_counts(self, keys: Sequence[WorkKey]) -> dict[WorkKey, dict[str, list[int]]]:
        value: dict[WorkKey, dict[str, list[int]]] = self._call("confidence_counts", keys)
        return value

    def face_links(self, keys: Sequence[WorkKey]) -> dict[WorkKey, FaceLinks]:
        value: dict[WorkKey, FaceLinks] = self._call("face_links", keys)
        return value

    def embeddings(self, key: WorkKey) -> Embeddings | None:
        value: Embeddings | None = self._call("embeddings", key)
        return value

    def video_facts(self, video_ids: Sequence[str] | None = None) -> dict[str, VideoFacts]:
        value: dict[str, VideoFacts] = self._call("video_facts", video_ids)
        return value

    def events_after(self, number: int, limit: int) -> list[NumberedEvent]:
        value: list[NumberedEvent] = self._call("events_after", number, limit)
        return value

    def newest_event(self) -> int:
        value: int = self._call("newest_event")
        return value

    def submissions(self) -> dict[str, str]:
        value: dict[str, str] = self._call("submissions")
        return value

    def swap_submission(self, submission_id: str, old: str | None, new: str | None) -> bool:
        value: bool = self._call("swap_submission", submission_id, old, new)
        return value

    def saved_queries(self) -> dict[str, str]:
        value: dict[str, str] = self._call("saved_queries")
        return value

    def save_query(self, name: str, document: str) -> None:
        self._call("save_query", name, document)

    def drop_query(self, name: str) -> bool:
        value: bool = self._call("drop_query", name)
        return value

    def current_keys(self, pipeline: str, video_ids: Sequence[str] | None = None) -> dict[WorkKey, str]:
        value: dict[WorkKey, str] = self._call("current_keys", pipeline, video_ids)
        return value

    def embedding_tokens(self) -> dict[WorkKey, str]:
        value: dict[WorkKey, str] = self._call("embedding_tokens")
        return value

    def utterances(self, search: WordSearch, video_ids: Sequence[str] | None = None) -> list[Annotation]:
        value: list[Annotation] = self._call("utterances", search, video_ids)
        return value

    def words_near(self, speech: Sequence[Annotation]) -> list[Annotation]:
        value: list[Annotation] = self._call("words_near", speech)
        return value

    def put_identities(self, identities: Sequence[Identity]) -> None:
        self._call("put_identities", identities)

    def identities(self) -> list[Identity]:
        value: list[Identity] = self._call("identities")
        return value

    def people(self) -> PeopleLog:
        value: PeopleLog = self._call("people")
        return value

    def add_person_edit(
        self, edit: PersonEdit, references: Sequence[PersonReference] = (), *, after: str | None
    ) -> None:
        self._call("add_person_edit", edit, references, after=after)

    def canonical_rows(self) -> Iterable[Mapping[str, Any]]:
        value: Iterable[Mapping[str, Any]] = self._call("canonical_rows")
        return value

    def meta(self, name: str) -> str | None:
        value: str | None = self._call("meta", name)
        return value

    def set_meta(self, epoch: int, name: str, value: str) -> None:
        self._call("set_meta", epoch, name, value)

    def add_human_results(
        self, imports: Sequence[HumanResults], naming: NamingEdits | None = None
    ) -> frozenset[str]:
        value: frozenset[str] = self._call("add_human_results", imports, naming)
        return value

    def stock(self) -> Stock:
        value: Stock = self._call("stock")
        return value

    def prune(self, pruning: Pruning) -> Removed:
        value: Removed = self._call("prune", pruning)
        return value

    def paths_of(self, video_id: str) -> tuple[str, ...]:
        value: tuple[str, ...] = self._call("paths_of", video_id)
        return value

    def forget_video(self, video_id: str, *, dry_run: bool = False) -> Removed:
        value: Removed = self._call("forget_video", video_id, dry_run=dry_run)
        return value

    def forget_persons(
        self, persons: Sequence[PersonIn], *, person_ids: Sequence[str] = (), dry_run: bool = False
    ) -> Removed:
        value: Removed = self._call("forget_persons", persons, person_ids=person_ids, dry_run=dry_run)
        return value

    def finish_removal(self) -> Removed:
        value: Removed = self._call("finish_removal")
        return value


def store_client(actor: Any, url: str, require: Callable[[], None] | None = None) -> StorageBackend:
    """A client of a running `StoreActor`; `require` as in `actors.coordination.answer`."""
    return StoreClient(ActorCall(actor, require), url)
