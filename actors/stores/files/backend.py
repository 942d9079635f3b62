"""The store of plain files: the seed's tree, with the manifest hidden beside what people open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from actors.atomic_files import read_object, write_or_remove
from actors.stores.encoding import rows
from actors.stores.encoding.annotation_forms import annotations_given, with_own_ids
from actors.stores.encoding.documents import pipeline_bytes, sidecars
from actors.stores.files.registry import job_in
from actors.stores.files.retention import FileRetention
from actors.stores.files.work_item import WorkItemFile
from actors.stores.rules import job_log
from actors.stores.rules.transitions import (
    as_it_ends,
    canonical_states,
    finished,
    is_open,
    keeps_late_chunks,
    key_of,
    keys_of,
    marked,
    now,
    registered,
    result_of,
    standing,
    states_of,
    to_lease,
)
from actors.stores.sql.video_content import content_endings
from schemas.annotations.annotation import Annotation
from schemas.media.video import Video
from schemas.storage.backend import Embeddings, Identity, Outcome
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob, JobStatus
from schemas.work.manifest import ChunkCommit, ManifestLine


class FileStorageBackend(FileRetention):
    """A folder per video under `base_dir`, made if need be; `read_only` never creates or changes anything.

    Every file is replaced whole. Results and chunks are synced to the disk before they count; job and video
    files are not, since the same command registers them again. Writers take turns, any number of readers
    beside them. Raises `StoreUnreachable` when the folder cannot be used, `NotFound` when it is to be read
    and holds no store.
    """

    # The seed's five.

    def save_annotations(self, job_id: str, pipeline: str, annotations: list[dict[str, Any]]) -> str:
        with self._write(None):
            job = self._register.job(job_id)
            known = job.pipeline_results.get(pipeline)
            key = WorkKey(
                job.video_id, pipeline, known.config_hash if known else rows.hash_by_hand(job.config)
            )
            given = annotations_given(key, annotations)
            others = [self._work(other) for other in self._tree.keys_of(key.video_id) if other != key]
            made = with_own_ids(
                key, given, {row.annotation_id for other in others for row in other.annotations()}
            )
            return str(self._finish(Outcome(key, job_id, JobStatus.COMPLETED, made)))

    def load_annotations(self, job_id: str, pipeline: str) -> list[dict[str, Any]]:
        return [
            row.to_data()
            for row in self._work(key_of(self._register.job(job_id), pipeline, self.url)).annotations()
        ]

    def annotation_exists(self, job_id: str, pipeline: str) -> bool:
        path = self._register.job_path(job_id)
        job = job_in(path) if path else None
        return (
            job is not None
            and pipeline in job.pipeline_results
            and self._work(keys_of(job)[pipeline]).complete() is not None
        )

    def save_job_metadata(self, job: BatchJob) -> None:
        with self._write(None):
            self._register.put_jobs([job])

    def load_job_metadata(self, job_id: str) -> BatchJob:
        return self._register.job(job_id)

    # Videos, jobs, manifest.

    def known_videos(self, paths: Sequence[str]) -> dict[str, Video]:
        found = ((path, read_object(self._tree.source(path))) for path in dict.fromkeys(paths))
        known = ((path, entry, self._register.video(entry["video_id"])) for path, entry in found if entry)
        return {
            path: rows.video_from(video | entry)
            for path, entry, video in known
            if video and rows.is_fully_known(video)
        }

    def fingerprints(self, video_ids: Sequence[str]) -> dict[str, str]:
        found = ((video_id, self._register.video(video_id)) for video_id in dict.fromkeys(video_ids))
        return {video_id: video["fingerprint"] for video_id, video in found if video}

    def ids_by_content(self, fingerprints: Sequence[str]) -> dict[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        wanted = dict.fromkeys(fingerprints)
        for video_id in self._tree.video_folders_ending(content_endings(wanted)) if wanted else ():
            if (video := self._register.video(video_id)) and video["fingerprint"] in wanted:
                found.setdefault(video["fingerprint"], []).append(video_id)
        return {content: tuple(sorted(ids)) for content, ids in found.items()}

    def known_paths(self) -> dict[str, str]:
        entries = filter(None, map(read_object, self._tree.sources()))
        return {entry["path"]: entry["video_id"] for entry in entries}

    def add_paths(self, epoch: int, copies: Sequence[Video]) -> None:
        with self._write(epoch):
            for copy in copies:
                self._register.put_path(copy)

    def register(self, epoch: int, videos: Sequence[Video], jobs: Sequence[BatchJob]) -> set[WorkKey]:
        keys, at = [key for job in jobs for key in keys_of(job).values()], now()
        with self._write(epoch):
            for video in videos:
                self._register.put_video(video)
            there = self._register.jobs_of_videos(job.video_id for job in jobs)
            complete = self._complete(keys)
            elsewhere = self._leases.held_elsewhere(epoch, keys, at) - complete.keys()
            known, stands = {job.job_id: job for job in there}, standing(there, complete, elsewhere)
            new = [registered(job, known.get(job.job_id), stands) for job in jobs]
            self._register.put_jobs(new)
            for key in complete:  # what a kill just after the result was written has left
                self._tidy(
                    key, [other for other in self._other_configurations(key, epoch) if other.is_overwritten()]
                )
            self._leases.take(epoch, {key for job in new for key in to_lease(job)} - elsewhere)
            self._leases.beat(epoch, at)
            self._note_registered(
                epoch,
                [job for job in new if job.job_id not in known or job.status is not JobStatus.COMPLETED],
            )
            return elsewhere

    def _note_registered(self, epoch: int, jobs: Sequence[BatchJob]) -> None:
        for job in jobs:
            line = job_log.registration(job, epoch, now())
            if not any(
                (event.name, event.message) == (line.name, line.message) for event in self._logs.noted(job)
            ):
                self._logs.note(job, line)

    def completed(self, keys: Sequence[WorkKey]) -> set[WorkKey]:
        return set(self._complete(keys))

    def completed_of(self, video_ids: Sequence[str]) -> set[WorkKey]:
        return set(
            self._complete(
                key for video_id in dict.fromkeys(video_ids) for key in self._tree.keys_of(video_id)
            )
        )

    def manifest(self, keys: Sequence[WorkKey]) -> dict[WorkKey, list[ManifestLine]]:
        return {key: self._work(key).lines() for key in keys}

    def commit_chunks(self, epoch: int, commits: Sequence[ChunkCommit]) -> dict[WorkKey, int]:
        keys = dict.fromkeys(commit.line.key for commit in commits)
        with self._write(epoch):
            done = self._complete(keys)  # a late repetition must not undo a finished result
            new = [commit for commit in commits if commit.line.key not in done]
            self._require_for_chunks(epoch, [key for key in keys if key not in done])
            self._tries.require_newest(new)
            for commit in commits:
                self._register.job(commit.job_id)
            for commit in new:
                self._work(commit.line.key).commit(commit)
            self._tries.end_leased(commits)
            return {key: self._work(key).frames_committed() for key in keys}

    def payloads(self, key: WorkKey) -> list[bytes]:
        return self._work(key).payloads()

    def _require_for_chunks(self, epoch: int, keys: Sequence[WorkKey]) -> None:
        """Raises `LeaseLost` unless the run holds every key, but for those that failed and that nobody
        holds since.
        """
        unheld = [key for key in keys if not self._leases.holds(epoch, key)]
        states = states_of(self._register.jobs_of_videos(key.video_id for key in unheld))
        late = {
            key for key in unheld if self._leases.holder(key) is None and keeps_late_chunks(states.get(key))
        }
        self._leases.require(epoch, [key for key in unheld if key not in late])

    def finish(self, epoch: int | None, outcome: Outcome) -> None:
        with self._write(epoch):
            if self._work(outcome.key).complete():
                return
            if epoch is not None:
                self._leases.require(epoch, [outcome.key])
            self._finish(outcome, epoch)

    def mark(self, epoch: int | None, job_id: str, pipelines: Sequence[str], status: JobStatus) -> None:
        with self._write(epoch):
            job = self._register.job(job_id)
            keys = {pipeline: key_of(job, pipeline, self.url) for pipeline in pipelines}
            if epoch is not None:
                self._leases.require(
                    epoch, [keys[name] for name in pipelines if is_open(job.pipeline_results[name])]
                )
            self._register.put_jobs([marked(job, pipelines, status, now())])

    # Reading.

    def jobs(
        self,
        *,
        status: JobStatus | None = None,
        batch_id: str | None = None,
        job_ids: Sequence[str] | None = None,
    ) -> Iterator[BatchJob]:
        there = self._register.all_jobs() if job_ids is None else self._register.jobs(job_ids)
        wanted = (job for job in there if status in (None, job.status) and batch_id in (None, job.batch_id))
        return iter(sorted(wanted, key=lambda job: (job.created_at, job.job_id)))

    def jobs_of(self, video_ids: Sequence[str]) -> list[BatchJob]:
        return sorted(self._register.jobs_of_videos(video_ids), key=lambda job: (job.created_at, job.job_id))

    def videos(self, video_ids: Sequence[str]) -> dict[str, Video]:
        found = ((video_id, self._register.video(video_id)) for video_id in dict.fromkeys(video_ids))
        return {video_id: rows.video_from(video) for video_id, video in found if video}

    def annotations(self, key: WorkKey) -> list[Annotation]:
        return self._work(key).annotations()

    def embeddings(self, key: WorkKey) -> Embeddings | None:
        return self._work(key).embeddings()

    def put_identities(self, identities: Sequence[Identity]) -> None:
        with self._write(None):
            self._register.put(
                self._tree.identities,
                {"identities": [rows.identity_row(one) for one in identities]},
                durable=True,
            )

    def identities(self) -> list[Identity]:
        found = (read_object(self._tree.identities) or {}).get("identities", ())
        return sorted(
            (rows.identity_from(row) for row in found),
            key=lambda one: (one.identity_id, one.video_id, one.face_id),
        )

    def canonical_rows(self) -> Iterator[Mapping[str, Any]]:
        for video_id in self._tree.video_ids():
            for key in self._tree.keys_of(video_id):
                if stored := self._work(key).embeddings():
                    yield from stored.canonical()
                yield from ({"annotation": row.to_data()} for row in self._work(key).annotations())
        for job in self.jobs():
            yield from canonical_states(job)

    def _finish(self, outcome: Outcome, epoch: int | None = None) -> Path:
        key, at, work = outcome.key, now(), self._work(outcome.key)
        job = as_it_ends(self._register.job(outcome.job_id), key.pipeline, epoch, at)
        given = work.annotations() if outcome.annotations is None else outcome.annotations
        lines = work.lines()
        result = result_of(
            outcome,
            [row.to_data() for row in given],
            sum(line.seconds for line in lines),
            at,
            job.pipeline_results.get(key.pipeline),
        )
        if outcome.status is JobStatus.COMPLETED and (outcome.keep_runs or outcome.keep_complete):
            for other in self._other_configurations(key, epoch):
                other.set_aside()
        video = self.videos([job.video_id]).get(job.video_id)
        kept = outcome.embeddings if outcome.replaces_embeddings else work.embeddings()
        if outcome.status is JobStatus.COMPLETED:
            for name, data in sidecars(key.pipeline, video, given).items():
                write_or_remove(self._tree.folder(key.video_id) / name, data, scratch=self._tree.scratch)
        path = work.conclude(result, pipeline_bytes(job, result, video, given), lines, kept)
        others = [other for other in self._register.jobs_of(key.video_id) if other.job_id != job.job_id]
        linked = [job, *(other for other in others if keys_of(other).get(key.pipeline) == key)]
        self._register.put_jobs([finished(other, result, at) for other in linked])
        for one in linked:
            self._logs.note(one, job_log.end_of(one, result, outcome, at))
        if outcome.status is JobStatus.COMPLETED:
            self._tidy(key, self._replaced(outcome, epoch))
        self._leases.drop([key])
        return path

    def _replaced(self, outcome: Outcome, epoch: int | None) -> list[WorkItemFile]:
        """What a complete result takes the place of."""
        others = [] if outcome.keep_runs else self._other_configurations(outcome.key, epoch)
        return [other for other in others if not (outcome.keep_complete and other.complete())]

    def _other_configurations(self, key: WorkKey, epoch: int | None) -> list[WorkItemFile]:
        """Work of the same pipeline and video that no other live run is at, and that there is anything
        of, be it only a job.
        """
        asked = [other for job in self._register.jobs_of(key.video_id) for other in keys_of(job).values()]
        keys = dict.fromkeys([*self._tree.keys_of(key.video_id), *asked])
        others = [other for other in keys if other.pipeline == key.pipeline and other != key]
        elsewhere = self._leases.held_elsewhere(epoch, others, now())
        return [self._work(other) for other in others if other not in elsewhere]

    def _tidy(self, key: WorkKey, replaced: Sequence[WorkItemFile]) -> None:
        """Take out of the store what a complete result has made superfluous: its chunks, and the
        configurations it replaced.
        """
        self._work(key).drop_chunks()
        for other in replaced:
            other.clear()
        self._leases.drop([other.key for other in replaced])
        self._register.supersede(key.video_id, key.pipeline, {other.key.config_hash for other in replaced})
