"""From probed files to jobs in the store and work to do."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from schemas.annotation import job_id_for
from schemas.chunk import ChunkSpec, WorkKey
from schemas.errors import NoVideoStream, VideoError
from schemas.job import BatchJob, JobStatus, PipelineResult, VideoOutcome
from schemas.pipeline import AUDIO
from schemas.redaction import storable
from schemas.settings import pipeline_config
from schemas.sound import SoundBlock
from schemas.store import StorageBackend
from schemas.video import Video, video_id_for
from vaengine.fitting import models_of
from vaengine.plan import blocks_of, chunks_of, work_keys
from vaengine.probing import Probed
from vaengine.request import RunRequest


@dataclass(frozen=True, slots=True)
class Entry:
    """One video of this run, whatever became of it. `skipped`: everything was there already when this process looked."""

    video_id: str
    path: str
    job_id: str
    keys: tuple[WorkKey, ...]
    readable: bool
    skipped: bool


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of some videos: chunks to decode, blocks to listen to, and keys that are whole in the manifest but not final yet."""

    chunks: Mapping[str, Sequence[ChunkSpec]]
    to_finish: tuple[WorkKey, ...]
    blocks: Mapping[str, Sequence[SoundBlock]] = field(default_factory=dict)
    elsewhere: frozenset[WorkKey] = frozenset()  # another run holds these

    @property
    def has_work(self) -> bool:
        return bool(self.chunks or self.blocks)

    def __bool__(self) -> bool:
        return bool(self.has_work or self.to_finish)

    @property
    def all_chunks(self) -> list[ChunkSpec]:
        return [chunk for chunks in self.chunks.values() for chunk in chunks]

    @property
    def all_blocks(self) -> list[SoundBlock]:
        return [block for blocks in self.blocks.values() for block in blocks]

    @property
    def works(self) -> list[ChunkSpec | SoundBlock]:
        return [*self.all_chunks, *self.all_blocks]

    @property
    def lacking(self) -> set[WorkKey]:
        """Keys of which something is not in the manifest."""
        return {key for chunk in self.all_chunks for key in chunk.keys} | {block.key for block in self.all_blocks}

    @property
    def signature(self) -> tuple[frozenset[str], frozenset[WorkKey]]:
        """What is left, to be compared with what was left before."""
        return frozenset(one.chunk_id for one in self.works), frozenset(self.to_finish)

    @property
    def video_ids(self) -> list[str]:
        """Videos that something is left of."""
        return list(dict.fromkeys([*(key.video_id for key in self.to_finish), *self.chunks, *self.blocks]))

    def of(self, works: Collection[str]) -> Left:
        """Only the chunks and blocks with these ids, and nothing to finish."""
        return Left(_only(self.chunks, works), (), _only(self.blocks, works))


W = TypeVar("W", ChunkSpec, SoundBlock)


def _only(per_video: Mapping[str, Sequence[W]], ids: Collection[str]) -> dict[str, Sequence[W]]:
    kept = {video_id: [one for one in works if one.chunk_id in ids] for video_id, works in per_video.items()}
    return {video_id: works for video_id, works in kept.items() if works}


@dataclass(frozen=True, slots=True)
class Workload:
    """What a page of probed files comes to: how many `videos`, and in `failures` one line for each file that cannot be read."""

    left: Left
    videos: int
    skipped: int
    failures: tuple[str, ...]


class Intake:
    """Registers jobs and tells what is left of them; remembers every video of the run for its report."""

    def __init__(self, request: RunRequest, batch_id: str) -> None:
        self._request, self._batch_id = request, batch_id
        self.entries: dict[str, Entry] = {}
        self._fingerprints: dict[str, str] = {}
        self._duplicates: dict[str, list[str]] = {}

    def take(self, probed: Sequence[Probed], store: StorageBackend, epoch: int) -> Workload:
        """Give each file its identity, register its job, and find what no manifest line covers."""
        fresh, duplicates = self._fresh([_with_work(one, self._request.pipelines) for one in probed], store)
        keys = {one.video_id: work_keys(one.video_id, self._request.pipelines, self._request.settings) for one in fresh}
        complete = store.completed([key for video_keys in keys.values() for key in video_keys])
        entries = {one.video_id: _entry(one, keys[one.video_id], complete) for one in fresh}
        videos = {one.video_id: one.video for one in fresh if one.video}
        jobs = [self._job(entries[one.video_id], complete, one.error) for one in fresh]
        store.register(epoch, list(videos.values()), jobs)
        # Noted only now: when the store dies while it registers, the same page is taken again.
        self.entries |= entries
        self._fingerprints |= {one.video_id: one.fingerprint for one in fresh}
        for one in duplicates:
            self._duplicates.setdefault(one.video_id, []).append(one.path)
        return Workload(
            left=self._left_of(entries.values(), store, epoch),
            videos=len(entries),
            skipped=sum(entry.skipped for entry in entries.values()),
            failures=tuple(str(one.error) for one in fresh if one.error),
        )

    def left(self, store: StorageBackend, epoch: int) -> Left:
        """What the manifest still lacks of the whole run, with its leases taken; pipelines that ended, either way, are left alone."""
        return self._left_of(self.entries.values(), store, epoch)

    def _left_of(self, entries: Iterable[Entry], store: StorageBackend, epoch: int) -> Left:
        open_keys = self._open_keys([entry for entry in entries if entry.readable and not entry.skipped], store)
        held = store.lease(epoch, [key for keys in open_keys.values() for key in keys])
        wanted = {video_id: [key for key in keys if key in held] for video_id, keys in open_keys.items()}
        videos = store.videos([video_id for video_id, keys in wanted.items() if keys])
        elsewhere = frozenset(key for keys in open_keys.values() for key in keys if key not in held)
        return replace(self._lacking({video_id: wanted[video_id] for video_id in videos}, videos, store), elsewhere=elsewhere)

    def _open_keys(self, entries: Sequence[Entry], store: StorageBackend) -> dict[str, list[WorkKey]]:
        """Keys that neither ended nor wait for a person to ask for them again."""
        jobs = {job.job_id: job for job in store.jobs(job_ids=[entry.job_id for entry in entries])}
        active = [entry for entry in entries if entry.job_id in jobs and jobs[entry.job_id].control is None]
        return {entry.video_id: [key for key in entry.keys if _is_open(jobs[entry.job_id], key)] for entry in active}

    def outcomes(self, store: StorageBackend) -> tuple[VideoOutcome, ...]:
        """How every video of the run stands in the store, in the order they were found; those not looked at before a stop come last."""
        jobs = {job.job_id: job for job in store.jobs(job_ids=[entry.job_id for entry in self.entries.values()])}
        since = self._request.since
        known = tuple(
            _outcome(entry, jobs[entry.job_id], tuple(self._duplicates.get(entry.video_id, ())), since) for entry in self.entries.values()
        )
        seen = {path for outcome in known for path in (outcome.path, *outcome.duplicates)}
        return known + tuple(VideoOutcome("", path, "pending") for path in map(storable, self._request.inputs) if path not in seen)

    def _lacking(self, wanted: Mapping[str, Sequence[WorkKey]], videos: Mapping[str, Video], store: StorageBackend) -> Left:
        manifest = store.manifest([key for keys in wanted.values() for key in keys])
        chunks: dict[str, Sequence[ChunkSpec]] = {}
        blocks: dict[str, Sequence[SoundBlock]] = {}
        for video_id, keys in wanted.items():
            committed = {key: manifest.get(key, []) for key in keys}
            if missing := chunks_of(videos[video_id], committed, self._request.settings) if keys else []:
                chunks[video_id] = missing
            if unheard := blocks_of(videos[video_id], committed, self._request.settings):
                blocks[video_id] = unheard
        lacking = Left(chunks, (), blocks).lacking
        return Left(chunks, tuple(key for keys in wanted.values() for key in keys if key not in lacking), blocks)

    def _fresh(self, probed: Sequence[Probed], store: StorageBackend) -> tuple[list[Probed], list[Probed]]:
        """Probed files under their final ids, and apart from them further paths of a known content."""
        taken = store.fingerprints([one.video_id for one in probed]) | self._fingerprints
        fresh: dict[str, Probed] = {}
        duplicates: list[Probed] = []
        for found in probed:
            one = _with_longer_id(found) if taken.get(found.video_id, found.fingerprint) != found.fingerprint else found
            if one.video_id in self._fingerprints or one.video_id in fresh:
                duplicates.append(one)
                continue
            taken[one.video_id] = one.fingerprint
            fresh[one.video_id] = one
        return list(fresh.values()), duplicates

    def _job(self, entry: Entry, complete: set[WorkKey], error: VideoError | None) -> BatchJob:
        return BatchJob(
            job_id=entry.job_id,
            video_path=Path(entry.path),
            output_dir=self._request.out / entry.video_id,
            config=job_config(self._request),
            video_id=entry.video_id,
            status=JobStatus.FAILED if error else JobStatus.COMPLETED if entry.skipped else JobStatus.PENDING,
            pipeline_results={key.pipeline: _result(key, complete, error) for key in entry.keys},
            error_message=str(error) if error else None,
            failure_kind=error.kind if error else None,
            batch_id=self._batch_id,
        )


def _with_work(one: Probed, pipelines: Sequence[str]) -> Probed:
    """A file of sound alone is none where nothing listens; beside a pipeline that does, those of pictures find nothing in it."""
    if one.video is None or one.video.has_pictures or AUDIO in pipelines:
        return one
    return replace(one, video=None, error=NoVideoStream(one.path))


def _entry(one: Probed, keys: tuple[WorkKey, ...], complete: set[WorkKey]) -> Entry:
    job_id = job_id_for(one.video_id, {key.pipeline: key.config_hash for key in keys})
    return Entry(one.video_id, one.path, job_id, keys, one.video is not None, one.video is not None and complete.issuperset(keys))


def _is_open(job: BatchJob, key: WorkKey) -> bool:
    result = job.pipeline_results.get(key.pipeline)
    return result is not None and result.status not in (JobStatus.COMPLETED, JobStatus.FAILED)


def _with_longer_id(one: Probed) -> Probed:
    """16 digits where the first 8 belong to another content."""
    longer = video_id_for(one.path, one.fingerprint, digits=16)
    return replace(one, video_id=longer, video=replace(one.video, video_id=longer) if one.video else None)


def _result(key: WorkKey, complete: set[WorkKey], error: VideoError | None) -> PipelineResult:
    if error is not None:
        return PipelineResult(key.pipeline, key.config_hash, JobStatus.FAILED, error_message=str(error), failure_kind=error.kind)
    return PipelineResult(key.pipeline, key.config_hash, JobStatus.COMPLETED if key in complete else JobStatus.PENDING)


def _outcome(entry: Entry, job: BatchJob, duplicates: tuple[str, ...], since: datetime | None) -> VideoOutcome:
    """`since`: what ended later is this command's own, done by a process that was lost."""
    own = since is not None and job.completed_at is not None and job.completed_at > since
    ended = {JobStatus.COMPLETED: "completed", JobStatus.FAILED: "failed"}.get(job.status, "pending")
    warnings = sorted({result.warning for result in job.pipeline_results.values() if result.warning})
    return VideoOutcome(
        video_id=entry.video_id,
        path=entry.path,
        outcome="skipped" if entry.skipped and not own else ended,
        error_message=job.error_message,
        failure_kind=job.failure_kind,
        warning="; ".join(warnings) or None,
        duplicates=duplicates,
    )


def job_config(request: RunRequest) -> dict[str, Any]:
    """What a job stores as its configuration.

    Of each pipeline what can change its result, and beside that what cannot: the presets it was resolved from, and of its model the file's
    name and digest. Paths stay out.
    """
    configs = {pipeline: pipeline_config(request.settings, pipeline) for pipeline in sorted(request.pipelines)}
    config = {"pipelines": configs, "presets": dict(request.presets), "models": models_of(request.settings, request.pipelines)}
    plain: dict[str, Any] = json.loads(json.dumps(config))
    return plain
