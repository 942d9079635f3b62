"""Reads and writes the chunks and results of work keys in files."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from actors.atomic_files import read_object, write_or_remove
from actors.stores.backend.transaction import Interrupted, Rows
from actors.stores.encoding.annotation_rows import spoken_words
from actors.stores.encoding.documents import pipeline_bytes, sidecars
from actors.stores.files.documents.layout import FileLayout
from actors.stores.files.documents.work_item import WorkItemFile
from actors.stores.files.jobs import FileJobs
from actors.stores.files.leases import FileRuns
from actors.stores.files.videos import FileVideos
from actors.stores.rules.states import keys_of
from schemas.annotations.annotation import WORD, Annotation
from schemas.annotations.words import WordSearch
from schemas.errors import NotFound
from schemas.pipelines import AUDIO
from schemas.storage.backend import (
    Embeddings,
    FaceLinks,
    Outcome,
    RowCount,
    confidence_counts,
    face_links,
    ordered_rows,
    row_counts,
)
from schemas.work.chunk import WorkKey
from schemas.work.current_result import complete_results
from schemas.work.job import BatchJob, JobStatus, PipelineResult
from schemas.work.manifest import ChunkCommit, ManifestLine


@dataclass(frozen=True, slots=True)
class FileChunks:
    """See `backend.transaction.Chunks`; the caller has locked the store while it writes."""

    layout: FileLayout
    jobs: FileJobs

    def put(self, commits: Sequence[ChunkCommit], at: datetime) -> None:
        job_ids = dict.fromkeys(commit.job_id for commit in commits)
        known_ids = {job.job_id for job in self.jobs.by_id(job_ids)}
        for job_id in job_ids:
            if job_id not in known_ids:
                raise NotFound(f"job {job_id}", f"files:{self.layout.base}")
        for commit in commits:
            WorkItemFile(self.layout, commit.line.key).commit(commit)

    def frames_committed(self, keys: Collection[WorkKey]) -> dict[WorkKey, int]:
        return {key: WorkItemFile(self.layout, key).frames_committed() for key in keys}

    def lines_of(self, keys: Collection[WorkKey]) -> dict[WorkKey, list[ManifestLine]]:
        return {key: WorkItemFile(self.layout, key).lines() for key in keys}

    def seconds_of(self, key: WorkKey) -> float:
        return sum(line.seconds for line in WorkItemFile(self.layout, key).lines())

    def payloads(self, key: WorkKey) -> list[bytes]:
        return WorkItemFile(self.layout, key).payloads()

    def drop_payloads(self, key: WorkKey) -> None:
        """Remove payloads and rows of chunks: the result file has all rows by now."""
        WorkItemFile(self.layout, key).drop_chunks()


@dataclass(frozen=True, slots=True)
class FileResults:
    """See `backend.transaction.Results`; the caller has locked the store while it writes."""

    layout: FileLayout
    jobs: FileJobs
    videos: FileVideos
    runs: FileRuns

    def _work(self, key: WorkKey) -> WorkItemFile:
        return WorkItemFile(self.layout, key)

    def complete(self, keys: Iterable[WorkKey]) -> dict[WorkKey, PipelineResult]:
        results = {key: self._work(key).complete() for key in keys}
        return {key: result for key, result in results.items() if result}

    def complete_of(self, video_ids: Iterable[str]) -> set[WorkKey]:
        keys = (key for video_id in dict.fromkeys(video_ids) for key in self.layout.keys_of(video_id))
        return set(self.complete(keys))

    def is_complete(self, job_id: str, pipeline: str) -> bool:
        keys = [key for job in self.jobs.by_id([job_id]) if (key := keys_of(job).get(pipeline))]
        return bool(self.complete(keys))

    # Rows.

    def data_of(self, key: WorkKey) -> list[dict[str, Any]]:
        return [row.to_data() for row in self.annotations(key)]

    def annotations(self, key: WorkKey) -> list[Annotation]:
        return self._work(key).annotations()

    def each_annotation(
        self, key: WorkKey, kinds: Sequence[str], frames: range | None
    ) -> Iterator[Annotation]:
        """Reads the whole result: a file has no index."""
        yield from ordered_rows(self.annotations(key), kinds, frames)

    def row_counts(self, keys: Sequence[WorkKey], kinds: Sequence[str]) -> dict[WorkKey, dict[str, RowCount]]:
        counts_by_key = {key: row_counts(self.annotations(key), kinds) for key in keys}
        return {key: counts for key, counts in counts_by_key.items() if counts}

    def confidence_counts(self, keys: Sequence[WorkKey]) -> dict[WorkKey, dict[str, list[int]]]:
        counts_by_key = {key: confidence_counts(self.annotations(key)) for key in keys}
        return {key: counts for key, counts in counts_by_key.items() if counts}

    def face_links(self, keys: Sequence[WorkKey]) -> dict[WorkKey, FaceLinks]:
        links_by_key = {key: face_links(self.annotations(key)) for key in keys}
        return {key: links for key, links in links_by_key.items() if links}

    def embeddings(self, key: WorkKey) -> Embeddings | None:
        return self._work(key).embeddings()

    def current_keys(self, pipeline: str, video_ids: Sequence[str] | None) -> dict[WorkKey, str]:
        jobs = self.jobs.select() if video_ids is None else self.jobs.of_videos(video_ids)
        return {
            WorkKey(job.video_id, pipeline, result.config_hash): job.location
            for job, result in complete_results(jobs).values()
            if result.pipeline == pipeline
        }

    def embedding_tokens(self) -> dict[WorkKey, str]:
        """The digests of rows and embeddings, of keys whose files are as written."""
        keys = (key for video_id in self.layout.video_ids() for key in self.layout.keys_of(video_id))
        named = ((key, read_object(self.layout.state(key)) or {}) for key in keys)
        states = ((key, self._work(key).state()) for key, state in named if state.get("embeddings"))
        return {
            key: f"{state['digest']} {state['embeddings']}"
            for key, state in states
            if state and state["status"] == JobStatus.COMPLETED.value
        }

    def ids_of_others(self, key: WorkKey, annotation_ids: Sequence[str]) -> set[str]:
        others = (other for other in self.layout.keys_of(key.video_id) if other != key)
        return {row.annotation_id for other in others for row in self.annotations(other)}.intersection(
            annotation_ids
        )

    def canonical_rows(self) -> Iterator[Mapping[str, Any]]:
        for video_id in self.layout.video_ids():
            for key in self.layout.keys_of(video_id):
                if stored := self.embeddings(key):
                    yield from stored.canonical()
                yield from ({"annotation": data} for data in self.data_of(key))

    def utterances(self, search: WordSearch, video_ids: Sequence[str] | None) -> Iterator[Annotation]:
        """Reads the results of sound of all these videos: files have no index."""
        for video_id in self.layout.video_ids() if video_ids is None else video_ids:
            for row in self._sound_rows(video_id):
                words = spoken_words(row)
                if words and search.matches(words.split()):
                    yield row

    def words_near(self, speech_rows: Sequence[Annotation]) -> Iterator[Annotation]:
        for video_id in dict.fromkeys(row.video_id for row in speech_rows):
            of_video = [row for row in speech_rows if row.video_id == video_id]
            for word in self._sound_rows(video_id):
                if word.annotation_type == WORD and any(_is_within(word, row) for row in of_video):
                    yield word

    def _sound_rows(self, video_id: str) -> Iterator[Annotation]:
        keys = (key for key in self.layout.keys_of(video_id) if key.pipeline == AUDIO)
        return (row for key in keys for row in self.annotations(key))

    # A result.

    def store(self, outcome: Outcome, result: PipelineResult, job: BatchJob, data: Rows) -> None:
        key, work, complete = outcome.key, self._work(outcome.key), outcome.status is JobStatus.COMPLETED
        annotations = (
            [Annotation.from_data(row) for row in data]
            if outcome.annotations is None
            else outcome.annotations
        )
        lines, video = work.lines(), self.videos.by_id([key.video_id]).get(key.video_id)
        if complete and (outcome.keep_runs or outcome.keep_complete):
            for other in self._other_configurations(key):
                self._work(other).keep_as_older()
        embeddings = outcome.embeddings if outcome.replaces_embeddings else work.embeddings()
        if complete:
            for name, content in sidecars(key.pipeline, video, annotations).items():
                write_or_remove(self.layout.folder(key.video_id) / name, content, scratch=self.layout.scratch)
        work.write_result(result, pipeline_bytes(job, result, video, annotations), lines, embeddings)

    def location(self, key: WorkKey) -> str:
        return str(self.layout.result(key))

    def _other_configurations(self, key: WorkKey) -> list[WorkKey]:
        """The other work keys of the same pipeline and video, with any files or at least a job."""
        keys_of_jobs = [
            other for job in self.jobs.of_videos([key.video_id]) for other in keys_of(job).values()
        ]
        keys = dict.fromkeys([*self.layout.keys_of(key.video_id), *keys_of_jobs])
        return [other for other in keys if other.pipeline == key.pipeline and other != key]

    def configurations_in_work(self, epoch: int | None, key: WorkKey, at: datetime) -> set[str]:
        return {
            other.config_hash
            for other in self.runs.held_by_others(epoch, self._other_configurations(key), at)
        }

    def drop_configurations(self, key: WorkKey, kept: Set[str]) -> None:
        removed = [other for other in self._other_configurations(key) if other.config_hash not in kept]
        for other in removed:
            self._work(other).clear()
        self.runs.drop(removed)

    def interrupted(self, keys: Iterable[WorkKey], epoch: int, at: datetime) -> Iterator[Interrupted]:
        for key in keys:
            others = self._other_configurations(key)
            held = self.runs.held_by_others(epoch, others, at)
            removed = {other for other in others if other not in held and self._work(other).is_overwritten()}
            if removed or self._work(key).has_chunks():
                yield key, {other.config_hash for other in others if other not in removed}


def _is_within(word: Annotation, speech: Annotation) -> bool:
    if word.config_hash != speech.config_hash or None in (word.timestamp_seconds, speech.end_seconds):
        return False
    return speech.timestamp_seconds <= word.timestamp_seconds < speech.end_seconds  # type: ignore[operator]
