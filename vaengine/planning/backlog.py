"""The backlog of a run: registers probed files as jobs, and says what remains to do of each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import TypeVar

from schemas.annotations.annotation import job_id_for
from schemas.errors import VideoError, WouldReplace
from schemas.media.video import Video, is_named_after
from schemas.packed import packed
from schemas.redaction import storable
from schemas.storage.backend import ResultStore, StorageBackend
from schemas.work.audio_block import AudioBlock
from schemas.work.chunk import ChunkSpec, WorkKey
from schemas.work.job import BatchJob, JobStatus, PipelineResult, VideoOutcome
from vaengine.planning.content_match import shown_paths
from vaengine.planning.entries import ENTRIES_AT_ONCE, Entries, RefusedVideo, VideoEntry
from vaengine.planning.local_plan import parts_of_each
from vaengine.planning.page import Page, job_config
from vaengine.planning.plan import blocks_of, chunks_of
from vaengine.planning.prober import ProbedVideo
from vaengine.planning.replaced_results import conflicts, described
from vaengine.requests.request import RunRequest

__all__ = ["Backlog", "PageWork", "RemainingWork", "VideoEntry", "job_config"]


@dataclass(frozen=True, slots=True)
class RemainingWork:
    """What remains to do of some videos.

    `chunks` are to be decoded and `blocks` of sound to be analysed. `to_finish` are keys that the manifest
    covers completely, but that are not final yet.
    """

    chunks: Mapping[str, Sequence[ChunkSpec]]
    to_finish: tuple[WorkKey, ...]
    blocks: Mapping[str, Sequence[AudioBlock]] = field(default_factory=dict)
    elsewhere: frozenset[WorkKey] = frozenset()  # keys that another run holds

    @property
    def has_work(self) -> bool:
        return bool(self.chunks or self.blocks)

    def __bool__(self) -> bool:
        return bool(self.has_work or self.to_finish)

    @property
    def all_chunks(self) -> list[ChunkSpec]:
        return [chunk for chunks in self.chunks.values() for chunk in chunks]

    @property
    def all_blocks(self) -> list[AudioBlock]:
        return [block for blocks in self.blocks.values() for block in blocks]

    @property
    def works(self) -> list[ChunkSpec | AudioBlock]:
        return [*self.all_chunks, *self.all_blocks]

    @property
    def lacking(self) -> set[WorkKey]:
        """Keys of which something is missing in the manifest."""
        return {key for chunk in self.all_chunks for key in chunk.keys} | {
            block.key for block in self.all_blocks
        }

    @property
    def signature(self) -> tuple[frozenset[str], frozenset[WorkKey]]:
        """A value that is equal for equal remaining work; it shows whether a pass made progress."""
        return frozenset(one.chunk_id for one in self.works), frozenset(self.to_finish)

    @property
    def video_ids(self) -> list[str]:
        """Videos with remaining work."""
        return list(dict.fromkeys([*(key.video_id for key in self.to_finish), *self.chunks, *self.blocks]))

    def of(self, works: Collection[str]) -> RemainingWork:
        """The chunks and blocks with these ids only, and nothing to finish."""
        return RemainingWork(_restricted(self.chunks, works), (), _restricted(self.blocks, works))


W = TypeVar("W", ChunkSpec, AudioBlock)


def _restricted(per_video: Mapping[str, Sequence[W]], ids: Collection[str]) -> dict[str, Sequence[W]]:
    remaining = {
        video_id: [work for work in works if work.chunk_id in ids] for video_id, works in per_video.items()
    }
    return {video_id: works for video_id, works in remaining.items() if works}


@dataclass(frozen=True, slots=True)
class PageWork:
    """The work of one page of probed files.

    `videos` is the number of videos. `failures` has one line for each file that cannot be read.
    """

    left: RemainingWork
    videos: int
    skipped: int
    failures: tuple[str, ...]

    def __add__(self, later: PageWork) -> PageWork:
        """Both pages together; the first must have no chunks or blocks left, only keys to finish."""
        to_finish, elsewhere = (
            self.left.to_finish + later.left.to_finish,
            self.left.elsewhere | later.left.elsewhere,
        )
        left = replace(later.left, to_finish=to_finish, elsewhere=elsewhere)
        return PageWork(
            left, self.videos + later.videos, self.skipped + later.skipped, self.failures + later.failures
        )


class Backlog:
    """Registers jobs, finds what remains to do, and remembers every video of the run for its report."""

    def __init__(self, request: RunRequest, batch_id: str) -> None:
        self._request, self._batch_id, self._parts = request, batch_id, parts_of_each(request)
        self.entries = Entries()

    def take(self, probed: Sequence[ProbedVideo], store: StorageBackend, epoch: int) -> PageWork:
        """Identify the files of a page, register their jobs, and find what no manifest line covers."""
        page = Page.of(self._request, probed, store, self.entries.fingerprints)
        refused = {one.video_id: one for one in _refused(page, store)} if self._request.asks else {}
        fresh = [one for one in page.fresh if one.video_id not in refused]
        complete = store.completed([key for one in fresh for key in page.keys[one.video_id]])
        shown = shown_paths(
            store, [one.video for one in fresh if one.video and not is_named_after(one.video_id, one.path)]
        )
        videos = {one.video_id: shown.get(one.video_id, one.video) for one in fresh if one.video}
        entries = {
            one.video_id: _entry(one, videos.get(one.video_id), page.keys[one.video_id], complete)
            for one in fresh
        }
        jobs = [self._job(entries[one.video_id], page, complete, one.error) for one in fresh]
        store.register(epoch, list(videos.values()), jobs)
        left_alone = refused.keys() | self.entries.refused_among([one.video_id for one in page.copies])
        copies = [
            *(one for one in fresh if one.video_id in shown),
            *(one for one in page.copies if one.video_id not in left_alone),
        ]
        if further := [one.video for one in copies if one.video]:
            store.add_paths(epoch, further)
        left = self._left_of([list(entries.values())], store, epoch, videos)
        # Only now: if the store dies before, the same page is taken again.
        self.entries.add(
            entries.values(),
            refused.values(),
            {one.video_id: one.fingerprint for one in page.fresh},
            [(one.video_id, one.path) for one in page.copies],
        )
        return PageWork(
            left=left,
            videos=len(page.fresh),
            skipped=sum(entry.skipped for entry in entries.values()),
            failures=tuple(str(one.error) for one in fresh if one.error)
            + tuple(one.message for one in refused.values()),
        )

    def left(self, store: StorageBackend, epoch: int) -> RemainingWork:
        """The remaining work of the whole run, with its leases taken.

        Pipelines that completed or failed are left out.
        """
        return self._left_of(self.entries.pages(unfinished=True), store, epoch)

    def _left_of(
        self,
        pages: Iterable[Sequence[VideoEntry]],
        store: StorageBackend,
        epoch: int,
        registered: Mapping[str, Video] | None = None,
    ) -> RemainingWork:
        """What remains of these pages; `registered` are videos as the store has them, which is not asked."""
        open_keys = {
            video_id: keys for page in pages for video_id, keys in self._open_keys(page, store).items()
        }
        leased = store.lease(epoch, [key for keys in open_keys.values() for key in keys])
        leased_keys = {
            video_id: [key for key in keys if key in leased] for video_id, keys in open_keys.items()
        }
        known = registered or {}
        wanted = [video_id for video_id, keys in leased_keys.items() if keys]
        stored = store.videos([video_id for video_id in wanted if video_id not in known])
        videos = {
            video_id: video for video_id in wanted if (video := known.get(video_id) or stored.get(video_id))
        }
        elsewhere = frozenset(key for keys in open_keys.values() for key in keys if key not in leased)
        return replace(
            self._missing_work({video_id: leased_keys[video_id] for video_id in videos}, videos, store),
            elsewhere=elsewhere,
        )

    def _open_keys(self, page: Sequence[VideoEntry], store: ResultStore) -> dict[str, list[WorkKey]]:
        """Keys that have not ended and do not wait for a person to release them."""
        unfinished = [entry for entry in page if entry.readable and not entry.skipped]
        jobs = _jobs_of(unfinished, store)
        return {
            entry.video_id: keys
            for entry in unfinished
            if (job := jobs.get(entry.job_id))
            and job.control is None
            and (keys := [key for key in entry.keys if _is_open(job, key)])
        }

    def outcomes(self, store: ResultStore) -> Sequence[VideoOutcome]:
        """The state of every video of the run, in the order they were found; packed where they are many.

        Videos that are left alone come after the others, and those that a stop left unprobed come last.
        """
        return packed(chain(self._outcomes(store), self._refused_outcomes(), self._unprobed_outcomes()))

    def _outcomes(self, store: ResultStore) -> Iterator[VideoOutcome]:
        since = self._request.since
        for page in self.entries.pages():
            jobs = _jobs_of(page, store)
            copies = self.entries.copies_of([entry.video_id for entry in page])
            for entry in page:
                if job := jobs.get(entry.job_id):
                    yield _outcome(entry, job, copies.get(entry.video_id, ()), since)
                else:  # somebody has erased the video
                    yield VideoOutcome("", entry.path, "pending")

    def _refused_outcomes(self) -> Iterator[VideoOutcome]:
        for one in self.entries.refused():
            copies = self.entries.copies_of([one.video_id]).get(one.video_id, ())
            yield VideoOutcome(one.video_id, one.path, "failed", one.message, one.kind, duplicates=copies)

    def _unprobed_outcomes(self) -> Iterator[VideoOutcome]:
        inputs = self._request.inputs
        if self.entries.paths >= len(inputs):
            return
        for start in range(0, len(inputs), ENTRIES_AT_ONCE):
            paths = list(map(storable, inputs[start : start + ENTRIES_AT_ONCE]))
            yield from (VideoOutcome("", path, "pending") for path in self.entries.unknown(paths))

    def _missing_work(
        self, open_keys: Mapping[str, Sequence[WorkKey]], videos: Mapping[str, Video], store: ResultStore
    ) -> RemainingWork:
        manifest = store.manifest([key for keys in open_keys.values() for key in keys])
        chunks: dict[str, Sequence[ChunkSpec]] = {}
        blocks: dict[str, Sequence[AudioBlock]] = {}
        for video_id, keys in open_keys.items():
            committed = {key: manifest.get(key, []) for key in keys}
            if (
                missing_chunks := chunks_of(
                    videos[video_id], committed, self._request.settings, parts=self._parts
                )
                if keys
                else []
            ):
                chunks[video_id] = missing_chunks
            if missing_blocks := blocks_of(videos[video_id], committed, self._request.settings):
                blocks[video_id] = missing_blocks
        lacking = RemainingWork(chunks, (), blocks).lacking
        return RemainingWork(
            chunks, tuple(key for keys in open_keys.values() for key in keys if key not in lacking), blocks
        )

    def _job(
        self, entry: VideoEntry, page: Page, complete: set[WorkKey], error: VideoError | None
    ) -> BatchJob:
        return BatchJob(
            job_id=entry.job_id,
            video_path=Path(entry.shown),
            output_dir=self._request.out / entry.video_id,
            config=page.config(entry.video_id),
            video_id=entry.video_id,
            status=JobStatus.FAILED if error else JobStatus.COMPLETED if entry.skipped else JobStatus.PENDING,
            pipeline_results={key.pipeline: _result(key, complete, error) for key in entry.keys},
            error_message=str(error) if error else None,
            failure_kind=error.kind if error else None,
            batch_id=self._batch_id,
        )


def _jobs_of(entries: Sequence[VideoEntry], store: ResultStore) -> dict[str, BatchJob]:
    """The jobs of entries as stored, by id; an entry whose video was erased has none."""
    jobs: dict[str, BatchJob] = {}
    for first in range(0, len(entries), ENTRIES_AT_ONCE):
        page = entries[first : first + ENTRIES_AT_ONCE]
        jobs |= {job.job_id: job for job in store.jobs(job_ids=[entry.job_id for entry in page])}
    return jobs


def _entry(
    probed: ProbedVideo, shown: Video | None, keys: tuple[WorkKey, ...], complete: set[WorkKey]
) -> VideoEntry:
    job_id = job_id_for(probed.video_id, {key.pipeline: key.config_hash for key in keys})
    is_complete = shown is not None and complete.issuperset(keys)
    return VideoEntry(
        probed.video_id,
        probed.path,
        shown.path if shown else probed.path,
        job_id,
        keys,
        shown is not None,
        is_complete,
    )


def _refused(page: Page, store: ResultStore) -> Iterator[RefusedVideo]:
    """Videos that are left alone: complete results would be replaced, and nobody allowed it."""
    conflicts_of: dict[str, dict[WorkKey, tuple[WorkKey, ...]]] = {}
    paths = {one.video_id: one.path for one in page.fresh if one.video}
    for key, others in conflicts(store, {video_id: page.keys[video_id] for video_id in paths}).items():
        conflicts_of.setdefault(key.video_id, {})[key] = others
    for video_id, video_conflicts in conflicts_of.items():
        error = WouldReplace(str(described(store, video_conflicts, page.job)))
        yield RefusedVideo(video_id, paths[video_id], f"{paths[video_id]}: {error}", error.kind)


def _is_open(job: BatchJob, key: WorkKey) -> bool:
    result = job.pipeline_results.get(key.pipeline)
    return result is not None and result.status not in (JobStatus.COMPLETED, JobStatus.FAILED)


def _result(key: WorkKey, complete: set[WorkKey], error: VideoError | None) -> PipelineResult:
    if error is not None:
        return PipelineResult(
            key.pipeline, key.config_hash, JobStatus.FAILED, error_message=str(error), failure_kind=error.kind
        )
    return PipelineResult(
        key.pipeline, key.config_hash, JobStatus.COMPLETED if key in complete else JobStatus.PENDING
    )


def _outcome(
    entry: VideoEntry, job: BatchJob, duplicates: tuple[str, ...], since: datetime | None
) -> VideoOutcome:
    """The outcome of one video.

    A result that completed after `since` belongs to this command, even if the process that made it was lost.
    """
    ended_by_this_command = since is not None and job.completed_at is not None and job.completed_at > since
    ended = {JobStatus.COMPLETED: "completed", JobStatus.FAILED: "failed"}.get(job.status, "pending")
    warnings = sorted({result.warning for result in job.pipeline_results.values() if result.warning})
    return VideoOutcome(
        video_id=entry.video_id,
        path=entry.path,
        outcome="skipped" if entry.skipped and not ended_by_this_command else ended,
        error_message=job.error_message,
        failure_kind=job.failure_kind,
        warning="; ".join(warnings) or None,
        duplicates=duplicates,
    )
