"""The store's calls: each opens one transaction and does its work in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from actors.stores.backend import controls, retention, runs, work
from actors.stores.backend.checks import require_job
from actors.stores.backend.imports import add_human_results
from actors.stores.backend.transaction import Storage
from actors.stores.rules.states import canonical_states, key_of
from schemas.annotations.annotation import Annotation
from schemas.annotations.words import WordSearch
from schemas.errors import PeopleChanged
from schemas.media.video import Video
from schemas.pipelines import AUDIO
from schemas.storage.backend import (
    Embeddings,
    FaceLinks,
    Identity,
    Outcome,
    RowCount,
    StorageBackend,
    VideoFacts,
)
from schemas.storage.imports import HumanResults, NamingEdits
from schemas.storage.people import PeopleLog, PersonEdit, PersonReference
from schemas.storage.retention import PersonIn, Pruning, Removed, Stock
from schemas.storage.tables import SUBMISSION
from schemas.work.attempt import Attempt, PipelineStart
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob, JobStatus
from schemas.work.job_event import Control, JobEvent, NumberedEvent
from schemas.work.manifest import ChunkCommit, ManifestLine
from schemas.work.run import RunInfo, StoredBatch

_QUERY: Final = "query."  # begins the names of settings that are saved queries


class Backend(StorageBackend):
    """A store over a `Storage`: files or a database."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.url = storage.url

    def close(self) -> None:
        self._storage.close()

    # The five calls of the first interface.

    def save_annotations(self, job_id: str, pipeline: str, annotations: list[dict[str, Any]]) -> str:
        with self._storage.write(None) as tx:
            return work.save_annotations(tx, job_id, pipeline, annotations)

    def load_annotations(self, job_id: str, pipeline: str) -> list[dict[str, Any]]:
        with self._storage.read() as tx:
            key = key_of(require_job(tx, job_id), pipeline, self.url)
            return [annotation.to_data() for annotation in tx.results.annotations(key)]

    def annotation_exists(self, job_id: str, pipeline: str) -> bool:
        with self._storage.read() as tx:
            return tx.results.is_complete(job_id, pipeline)

    def save_job_metadata(self, job: BatchJob) -> None:
        with self._storage.write(None) as tx:
            tx.jobs.put([job])

    def load_job_metadata(self, job_id: str) -> BatchJob:
        with self._storage.read() as tx:
            return require_job(tx, job_id)

    # Jobs and their results.

    def jobs(
        self,
        *,
        status: JobStatus | None = None,
        batch_id: str | None = None,
        job_ids: Sequence[str] | None = None,
    ) -> Iterator[BatchJob]:
        with self._storage.read() as tx:
            jobs = tx.jobs.select(status, batch_id) if job_ids is None else tx.jobs.by_id(job_ids)
        selected = (job for job in jobs if status in (None, job.status) and batch_id in (None, job.batch_id))
        return iter(_by_creation(selected))

    def jobs_of(self, video_ids: Sequence[str]) -> list[BatchJob]:
        with self._storage.read() as tx:
            return _by_creation(tx.jobs.of_videos(video_ids))

    def annotations(self, key: WorkKey) -> list[Annotation]:
        with self._storage.read() as tx:
            return tx.results.annotations(key)

    def each_annotation(
        self, key: WorkKey, kinds: Sequence[str], frames: range | None = None
    ) -> Iterator[Annotation]:
        with self._storage.read() as tx:
            yield from tx.results.each_annotation(key, kinds, frames)

    def row_counts(self, keys: Sequence[WorkKey], kinds: Sequence[str]) -> dict[WorkKey, dict[str, RowCount]]:
        with self._storage.read() as tx:
            return tx.results.row_counts(keys, kinds)

    def confidence_counts(self, keys: Sequence[WorkKey]) -> dict[WorkKey, dict[str, list[int]]]:
        with self._storage.read() as tx:
            return tx.results.confidence_counts(keys)

    def face_links(self, keys: Sequence[WorkKey]) -> dict[WorkKey, FaceLinks]:
        with self._storage.read() as tx:
            return tx.results.face_links(keys)

    def embeddings(self, key: WorkKey) -> Embeddings | None:
        with self._storage.read() as tx:
            return tx.results.embeddings(key)

    def embedding_tokens(self) -> dict[WorkKey, str]:
        with self._storage.read() as tx:
            return tx.results.embedding_tokens()

    def completed(self, keys: Sequence[WorkKey]) -> set[WorkKey]:
        with self._storage.read() as tx:
            return set(tx.results.complete(keys))

    def completed_of(self, video_ids: Sequence[str]) -> set[WorkKey]:
        with self._storage.read() as tx:
            return tx.results.complete_of(video_ids)

    def current_keys(self, pipeline: str, video_ids: Sequence[str] | None = None) -> dict[WorkKey, str]:
        with self._storage.read() as tx:
            return tx.results.current_keys(pipeline, video_ids)

    def manifest(self, keys: Sequence[WorkKey]) -> dict[WorkKey, list[ManifestLine]]:
        with self._storage.read() as tx:
            return tx.chunks.lines_of(keys)

    def canonical_rows(self) -> Iterator[Mapping[str, Any]]:
        with self._storage.read() as tx:
            yield from tx.results.canonical_rows()
            for job in tx.jobs.select():
                yield from canonical_states(job)

    # What is said.

    def utterances(self, search: WordSearch, video_ids: Sequence[str] | None = None) -> list[Annotation]:
        with self._storage.read() as tx:
            return _of_sound(tx.results.utterances(search, video_ids))

    def words_near(self, speech: Sequence[Annotation]) -> list[Annotation]:
        with self._storage.read() as tx:
            return _of_sound(tx.results.words_near(speech))

    # Videos.

    def videos(self, video_ids: Sequence[str]) -> dict[str, Video]:
        with self._storage.read() as tx:
            return tx.videos.by_id(video_ids)

    def video_facts(self, video_ids: Sequence[str] | None = None) -> dict[str, VideoFacts]:
        with self._storage.read() as tx:
            return tx.videos.facts(video_ids)

    def known_videos(self, paths: Sequence[str]) -> dict[str, Video]:
        with self._storage.read() as tx:
            return tx.videos.by_path(paths)

    def fingerprints(self, video_ids: Sequence[str]) -> dict[str, str]:
        with self._storage.read() as tx:
            return tx.videos.fingerprints(video_ids)

    def ids_by_content(self, fingerprints: Sequence[str]) -> dict[str, tuple[str, ...]]:
        with self._storage.read() as tx:
            return tx.videos.ids_by_content(fingerprints)

    def known_paths(self) -> dict[str, str]:
        with self._storage.read() as tx:
            return tx.videos.paths()

    # Runs and leases.

    def open_run(self, run: RunInfo) -> int:
        with self._storage.write(None) as tx:
            return tx.runs.begin(run, tx.now())

    def close_run(self, epoch: int, outcome: str) -> None:
        with self._storage.write(None) as tx:
            runs.close_run(tx, epoch, outcome)

    def lease(self, epoch: int, keys: Sequence[WorkKey]) -> set[WorkKey]:
        with self._storage.write(epoch, {key.video_id for key in keys}) as tx:
            return runs.lease(tx, epoch, keys)

    def release(self, epoch: int, keys: Sequence[WorkKey]) -> None:
        with self._storage.write(epoch, {key.video_id for key in keys}) as tx:
            tx.runs.drop(keys, epoch=epoch)

    def holders(self, keys: Sequence[WorkKey]) -> dict[WorkKey, int]:
        with self._storage.read() as tx:
            return tx.runs.holders(keys)

    def batches(self) -> list[StoredBatch]:
        with self._storage.read() as tx:
            return tx.runs.batches(tx.now())

    def record(
        self,
        epoch: int,
        attempts: Sequence[Attempt],
        progress: str | None = None,
        starts: Sequence[PipelineStart] = (),
    ) -> None:
        videos = {attempt.video_id for attempt in attempts} | {start.video_id for start in starts}
        with self._storage.write(epoch, videos) as tx:
            runs.record(tx, epoch, attempts, progress, starts)

    def attempts(self, video_ids: Sequence[str]) -> list[Attempt]:
        with self._storage.read() as tx:
            return tx.attempts.of_videos(video_ids)

    def progress(self, epoch: int) -> str | None:
        with self._storage.read() as tx:
            return tx.runs.progress(epoch)

    def meta(self, name: str) -> str | None:
        with self._storage.read() as tx:
            return tx.catalog.setting(name)

    def set_meta(self, epoch: int, name: str, value: str) -> None:
        with self._storage.write(epoch) as tx:
            tx.catalog.put_setting(name, value)

    # Work.

    def register(self, epoch: int, videos: Sequence[Video], jobs: Sequence[BatchJob]) -> set[WorkKey]:
        with self._storage.write(
            epoch, {job.video_id for job in jobs} | {video.video_id for video in videos}
        ) as tx:
            return work.register(tx, epoch, videos, jobs)

    def add_paths(self, epoch: int, copies: Sequence[Video]) -> None:
        with self._storage.write(epoch, {copy.video_id for copy in copies}) as tx:
            tx.videos.put_paths(copies)

    def commit_chunks(self, epoch: int, commits: Sequence[ChunkCommit]) -> dict[WorkKey, int]:
        with self._storage.write(epoch, {commit.line.key.video_id for commit in commits}) as tx:
            return work.commit_chunks(tx, epoch, commits)

    def payloads(self, key: WorkKey) -> list[bytes]:
        with self._storage.read() as tx:
            return tx.chunks.payloads(key)

    def finish(self, epoch: int | None, outcome: Outcome) -> None:
        with self._storage.write(epoch, [outcome.key.video_id]) as tx:
            work.finish(tx, epoch, outcome)

    def mark(self, epoch: int | None, job_id: str, pipelines: Sequence[str], status: JobStatus) -> None:
        with self._storage.write(epoch) as tx:
            work.mark(tx, epoch, job_id, pipelines, status)

    # Requests of people.

    def request(self, job_ids: Sequence[str], control: Control | None) -> None:
        with self._storage.write(None) as tx:
            controls.request(tx, job_ids, control)

    def controls(self) -> dict[str, Control]:
        with self._storage.read() as tx:
            return tx.jobs.controls()

    def cancel(self, epoch: int | None, job_id: str) -> None:
        with self._storage.write(epoch) as tx:
            controls.cancel(tx, job_id)

    def reopen(self, job_ids: Sequence[str], pipelines: Sequence[str] | None = None) -> int:
        with self._storage.write(None) as tx:
            return controls.reopen(tx, job_ids, pipelines)

    def quarantine(self, job_ids: Sequence[str], pipelines: Sequence[str] | None = None) -> int:
        with self._storage.write(None) as tx:
            return controls.quarantine(tx, job_ids, pipelines)

    def events(self, job_id: str) -> list[JobEvent]:
        with self._storage.read() as tx:
            return controls.events(tx, job_id)

    def events_after(self, number: int, limit: int) -> list[NumberedEvent]:
        with self._storage.read() as tx:
            return tx.log.after(number, limit)

    def newest_event(self) -> int:
        with self._storage.read() as tx:
            return tx.log.newest()

    # Submissions.

    def submissions(self) -> dict[str, str]:
        with self._storage.read() as tx:
            return tx.catalog.settings_below(SUBMISSION)

    def swap_submission(self, submission_id: str, old: str | None, new: str | None) -> bool:
        name = SUBMISSION + submission_id
        with self._storage.write(None) as tx:
            if tx.catalog.setting(name) != old:
                return False
            if new is None:
                tx.catalog.drop_setting(name)
            else:
                tx.catalog.put_setting(name, new)
            return True

    # Identities.

    def put_identities(self, identities: Sequence[Identity]) -> None:
        with self._storage.write(None) as tx:
            tx.catalog.put_identities(identities)

    def identities(self) -> list[Identity]:
        with self._storage.read() as tx:
            identities = tx.catalog.identities()
        return sorted(identities, key=lambda face: (face.identity_id, face.video_id, face.face_id))

    # Saved queries: settings of the collection, so that they move with it.

    def saved_queries(self) -> dict[str, str]:
        with self._storage.read() as tx:
            return tx.catalog.settings_below(_QUERY)

    def save_query(self, name: str, document: str) -> None:
        with self._storage.write(None) as tx:
            tx.catalog.put_setting(_QUERY + name, document)

    def drop_query(self, name: str) -> bool:
        with self._storage.write(None) as tx:
            return tx.catalog.drop_setting(_QUERY + name)

    # Who is who by hand.

    def people(self) -> PeopleLog:
        with self._storage.read() as tx:
            return tx.people.log()

    def add_person_edit(
        self, edit: PersonEdit, references: Sequence[PersonReference] = (), *, after: str | None
    ) -> None:
        with self._storage.write(None) as tx:
            if tx.people.log().newest != after:
                raise PeopleChanged(self.url)
            tx.people.append(edit, references)

    # What people annotated.

    def add_human_results(
        self, imports: Sequence[HumanResults], naming: NamingEdits | None = None
    ) -> frozenset[str]:
        videos = None if naming is not None and naming.edits else {one.job.video_id for one in imports}
        with self._storage.write(None, videos) as tx:
            return add_human_results(tx, imports, naming)

    # Retention.

    def stock(self) -> Stock:
        with self._storage.read() as tx:
            return retention.stock(tx)

    def prune(self, pruning: Pruning) -> Removed:
        with self._storage.remove() as tx:
            return retention.prune(tx, pruning)

    def paths_of(self, video_id: str) -> tuple[str, ...]:
        with self._storage.read() as tx:
            return tuple(sorted(tx.videos.paths_of(video_id)))

    def forget_video(self, video_id: str, *, dry_run: bool = False) -> Removed:
        return self._storage.erase(lambda tx: retention.forget_video(tx, video_id), dry_run=dry_run)

    def forget_persons(
        self, persons: Sequence[PersonIn], *, person_ids: Sequence[str] = (), dry_run: bool = False
    ) -> Removed:
        return self._storage.erase(
            lambda tx: retention.forget_persons(tx, persons, person_ids), dry_run=dry_run
        )

    def finish_removal(self) -> Removed:
        return self._storage.finish_removal()


def _by_creation(jobs: Iterator[BatchJob] | list[BatchJob]) -> list[BatchJob]:
    return sorted(jobs, key=lambda job: (job.created_at, job.job_id))


def _of_sound(rows: Iterable[Annotation]) -> list[Annotation]:
    """Rows of audio_processing by video, time and id; others may have been saved by hand."""
    return sorted(
        (row for row in rows if row.pipeline == AUDIO),
        key=lambda row: (row.video_id, row.timestamp_seconds or 0.0, row.annotation_id),
    )
