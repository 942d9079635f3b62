"""The finalizer: puts chunks together, commits them, and makes the final rows of whole videos.

Everything that needs order happens here. Only stored numbers are used, never pictures, so a finalizer can
die at any moment: what it had not committed is decoded again, what it had not finished is finished again
from the store.
"""

from __future__ import annotations

import functools
import logging
import queue
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from actors.finalize.commits import block_commit, chunk_commit
from actors.finalize.reassembly import ChunkReassembler, WholeChunk, attempt_of
from actors.finalize.results import PipelineRows, pipeline_result
from actors.finalize.stored_persons import persons_of
from schemas.errors import LeaseLost, StaleAttempt, Unstorable, VaengineError
from schemas.media.video import Video
from schemas.pipelines import FACE, PERSON
from schemas.settings.settings import Settings
from schemas.storage.backend import Outcome, StorageBackend
from schemas.work.attempt import Token
from schemas.work.audio_block import AudioBlock
from schemas.work.chunk import ChunkSpec, WorkKey
from schemas.work.job import JobStatus, PipelineResult
from schemas.work.manifest import ChunkCommit
from schemas.work.messages import BlockEnd, ChunkEnd, ChunkFailure, DetectionsMessage
from schemas.work.progress import Finished

ENDED_STATUSES = (JobStatus.COMPLETED, JobStatus.FAILED)

log = logging.getLogger(__name__)


class ProgressListener(Protocol):
    """The events that the finalizer reports to the coordinator."""

    def committed(self, spec: ChunkSpec) -> None: ...
    def block_committed(self, block: AudioBlock) -> None: ...
    def left(self, chunk_id: str, failure: ChunkFailure | None = None) -> None: ...
    def finished(self, finished: Finished) -> None: ...
    def halt(self, reason: str) -> None: ...


class Finalizer:
    """Puts messages of chunks together and commits whole chunks; finishes whole videos on its own thread."""

    def __init__(
        self,
        store: StorageBackend,
        progress: ProgressListener,
        epoch: int,
        settings: Settings,
        job_of: Callable[[WorkKey], str],
        *,
        keep_runs: bool = False,
        keep_complete: bool = False,
    ) -> None:
        self._store, self._progress, self._epoch, self._settings = store, progress, epoch, settings
        self._keep_runs, self._keep_complete = keep_runs, keep_complete
        self._job_of = job_of
        self._reassembler = ChunkReassembler()
        self._fences: dict[str, int] = {}  # chunk or block -> newest attempt that was taken from its worker
        self._videos: dict[str, Video] = {}
        self._ended: set[WorkKey] = set()
        # Video -> its face_analysis, which names persons once they are tracked.
        self._faces_waiting: dict[str, WorkKey] = {}
        self._is_warmed_up = False
        self._take_lock = threading.Lock()  # the actor has a second thread, for `drain`
        self._to_finish: queue.SimpleQueue[tuple[WorkKey | None, threading.Event]] = queue.SimpleQueue()
        self._is_closed = False
        self._thread = threading.Thread(target=self._finish_until_closed, daemon=True)
        self._thread.start()

    def take(self, values: list[DetectionsMessage | ChunkEnd | BlockEnd]) -> None:
        """Takes messages and ends in any order, at least once each."""
        with self._take_lock:
            for value in values:
                if self._is_fenced(value):
                    log.info("refused, for it was taken from its worker: %s, attempt %d", *attempt_of(value))
                elif isinstance(value, BlockEnd):
                    self._process_safely(
                        functools.partial(self._process_block, value), value.block, (value.block.key,)
                    )
                elif chunk := self._reassembler.add(value):
                    self._process_safely(
                        functools.partial(self._process_chunk, chunk), chunk.end.spec, chunk.end.spec.keys
                    )

    def fence(self, tokens: Sequence[Token]) -> None:
        """Refuse from now on what comes from these attempts: they were taken from their worker."""
        for token in tokens:
            self._fences[token.chunk_id] = max(token.number, self._fences.get(token.chunk_id, 0))

    def _is_fenced(self, value: DetectionsMessage | ChunkEnd | BlockEnd) -> bool:
        chunk_id, attempt = attempt_of(value)
        return attempt <= self._fences.get(chunk_id, 0)

    def finish(self, key: WorkKey) -> None:
        """Queues a key whose manifest is whole, to make its rows final."""
        self._to_finish.put((key, threading.Event()))

    def forget(self, keys: Sequence[WorkKey]) -> None:
        """Lets these keys be finished again: they are requested again."""
        self._ended.difference_update(keys)

    def ping(self) -> None:
        """Answers as long as this process lives."""

    def drain(self) -> None:
        """Returns when everything passed to `finish` so far is done."""
        self.drained().wait()

    def drained(self) -> threading.Event:
        """An event that is set once everything passed to `finish` so far is done."""
        done = threading.Event()
        self._to_finish.put((None, done))
        return done

    def close(self) -> None:
        """End the thread once it has done what was handed to it so far."""
        self._is_closed = True
        self.drain()
        self._thread.join()

    def _process_safely(
        self, process: Callable[[], None], work: ChunkSpec | AudioBlock, keys: tuple[WorkKey, ...]
    ) -> None:
        self._run_guarded(functools.partial(self._process_or_fail, process, work, keys))

    def _process_or_fail(
        self, process: Callable[[], None], work: ChunkSpec | AudioBlock, keys: tuple[WorkKey, ...]
    ) -> None:
        """Processes a chunk or block; an unexpected error fails its pipelines with that reason.

        Such an error must not look like a lost worker.
        """
        try:
            process()
        except (LeaseLost, StaleAttempt):
            self._progress.left(work.chunk_id)
            raise
        except VaengineError:
            raise
        except Exception as error:
            if error.__class__.__module__.startswith("ray."):
                raise  # an actor of the group is gone for good: the driver starts another
            stack = traceback.format_exc()
            self._progress.left(work.chunk_id)
            for key in keys:
                self._fail(
                    key,
                    ChunkFailure(
                        "internal",
                        f"storing {key.video_id} failed: {error!r}",
                        transient=False,
                        traceback=stack,
                    ),
                )

    def _run_guarded(self, work: Callable[[], None]) -> None:
        """Runs `work`; a store that cannot take more halts the run.

        Work that another run holds by now is left to that run.
        """
        try:
            work()
        except (LeaseLost, StaleAttempt) as error:
            log.info("%s", error)
        except VaengineError as error:
            log.warning("%s", error)
            self._progress.halt(str(error))

    def _process_chunk(self, chunk: WholeChunk) -> None:
        spec, transient = chunk.end.spec, chunk.transient
        if chunk.end.cancelled or transient:
            self._progress.left(spec.chunk_id, transient)
            return
        failed = chunk.failed
        self._commit(chunk, [key for key in spec.keys if key not in failed])
        self._fail_all(failed)

    def _commit(self, chunk: WholeChunk, keys: Sequence[WorkKey]) -> None:
        spec = chunk.end.spec
        if not keys:
            self._progress.left(spec.chunk_id)
            return
        refused = self._commit_all(
            [chunk_commit(chunk, key, self._video(key.video_id), self._job_of(key)) for key in keys]
        )
        if len(refused) < len(keys):
            self._progress.committed(spec)
        else:
            self._progress.left(spec.chunk_id)
        self._fail_all(refused)
        self._warm_up(keys)

    def _process_block(self, end: BlockEnd) -> None:
        block, failure = end.block, end.failure
        if end.heard is not None:
            if refused := self._commit_all(
                [block_commit(block, end.heard, end.seconds, self._job_of(block.key))]
            ):
                self._progress.left(block.chunk_id)
                self._fail_all(refused)
            else:
                self._progress.block_committed(block)
        elif failure is None or failure.transient:
            self._progress.left(block.chunk_id, failure)
        else:
            self._progress.left(block.chunk_id)
            self._fail(block.key, failure)

    def _commit_all(self, commits: list[ChunkCommit]) -> dict[WorkKey, ChunkFailure]:
        """Stores chunks and finishes the keys that are whole now.

        Returns the failures of keys whose values the store cannot hold.
        """
        try:
            totals = self._store.commit_chunks(self._epoch, commits)
        except Unstorable as error:
            if len(commits) == 1:
                return {commits[0].line.key: _refusal(error)}
            return {key: failure for commit in commits for key, failure in self._commit_all([commit]).items()}
        for key, total in totals.items():
            if total >= self._video(key.video_id).listening_to(self._settings.audio.track).units(
                key.pipeline
            ):
                self.finish(key)
        return {}

    def _warm_up(self, keys: Sequence[WorkKey]) -> None:
        """Loads the tracker's library once the first boxes are stored, beside the work that still goes on."""
        if not self._is_warmed_up and any(key.pipeline == PERSON for key in keys):
            from actors.persons.tracking import warm_up

            self._is_warmed_up = True
            threading.Thread(target=warm_up, daemon=True).start()

    def _fail_all(self, failed: Mapping[WorkKey, ChunkFailure]) -> None:
        for key, failure in failed.items():
            self._fail(key, failure)

    def _fail(self, key: WorkKey, failure: ChunkFailure) -> None:
        if key in self._ended:
            return
        self._ended.add(key)
        self._store.finish(self._epoch, self._failed_outcome(key, failure))
        self._progress.finished(Finished(key, failure.message))
        if faces := self._released_faces(key):
            self.finish(faces)

    def _failed_outcome(self, key: WorkKey, failure: ChunkFailure) -> Outcome:
        return Outcome(
            key,
            self._job_of(key),
            JobStatus.FAILED,
            error_message=failure.message,
            failure_kind=failure.kind,
            traceback=failure.traceback,
        )

    def _video(self, video_id: str) -> Video:
        video = self._videos.get(video_id)  # the other thread may drop it at any moment
        if video is None:
            video = self._videos[video_id] = self._store.videos([video_id])[video_id]
        return video

    def _finish_until_closed(self) -> None:
        while True:
            key, done = self._to_finish.get()
            try:
                if key is not None:
                    self._finish_or_report(key)
                elif self._is_closed:
                    return
            finally:
                done.set()

    def _finish_or_report(self, key: WorkKey) -> None:
        try:
            self._run_guarded(functools.partial(self.finish_now, key))
        # This thread must live, or `drain` waits for ever. The key stays missing and is done again.
        except Exception:  # noqa: BLE001
            traceback.print_exc()
            self._ended.discard(key)

    def finish_now(self, key: WorkKey) -> None:
        """Finishes a key on the caller's thread, once.

        Faces wait until the persons they are linked to have ended.
        """
        if key in self._ended:
            return
        persons = self._persons_result(key)
        if persons is not None and persons.status not in ENDED_STATUSES:
            self._faces_waiting[key.video_id] = key
            return
        self._ended.add(key)
        outcome = self._store_outcome(self._outcome(key, persons))
        self._progress.finished(Finished(key, outcome.error_message))
        if faces := self._released_faces(key):
            self.finish_now(faces)  # at once: `drain` waits for what is queued, not for what follows from it
        self._videos.pop(key.video_id, None)  # an index is 8 bytes a frame; it is read again if needed

    def _store_outcome(self, outcome: Outcome) -> Outcome:
        """Stores an outcome and returns what is stored.

        Where the store cannot hold the rows that is a failure; what the chunks stored stays.
        """
        try:
            self._store.finish(self._epoch, outcome)
        except Unstorable as error:
            outcome = self._failed_outcome(outcome.key, _refusal(error))
            self._store.finish(self._epoch, outcome)
        return outcome

    def _persons_result(self, key: WorkKey) -> PipelineResult | None:
        """The result of the persons that faces of `key` are linked to; None where none are to be linked."""
        if key.pipeline != FACE or not self._settings.face.link_persons:
            return None
        return self._store.load_job_metadata(self._job_of(key)).pipeline_results.get(PERSON)

    def _pipeline_rows(self, key: WorkKey, persons: PipelineResult | None) -> PipelineRows:
        settings = self._settings
        # The run has no persons; perhaps the store has some.
        if key.pipeline == FACE and settings.face.link_persons and persons is None:
            persons, settings = persons_of(
                self._store, self._store.load_job_metadata(self._job_of(key)), settings
            )
        return pipeline_result(self._store, self._video(key.video_id), key, settings, persons)

    def _released_faces(self, ended: WorkKey) -> WorkKey | None:
        """The faces that waited for these persons, if any did."""
        return self._faces_waiting.pop(ended.video_id, None) if ended.pipeline == PERSON else None

    def _outcome(self, key: WorkKey, persons: PipelineResult | None) -> Outcome:
        """The outcome of a pipeline whose manifest is whole: its final rows.

        It is failed as truncated where too much is missing.
        """
        job_id = self._job_of(key)
        try:
            result = self._pipeline_rows(key, persons)
        except VaengineError:
            raise  # of the store
        except Exception as error:
            if error.__class__.__module__.startswith("ray."):
                raise
            message = f"concluding {key.pipeline} failed: {error!r}"  # in this video; the others go on
            return self._failed_outcome(
                key, ChunkFailure("internal", message, transient=False, traceback=traceback.format_exc())
            )
        self._correct(result.video)
        truncation = result.verdict.error
        return Outcome(
            key,
            job_id,
            JobStatus.FAILED if truncation else JobStatus.COMPLETED,
            result.rows,
            error_message=str(truncation) if truncation else None,
            failure_kind=truncation.kind if truncation else None,
            warning=result.verdict.warning,
            keep_runs=self._keep_runs,
            keep_complete=self._keep_complete,
            embeddings=result.embeddings,
        )

    def _correct(self, corrected: Video | None) -> None:
        """Stores what decoding has found out about a video; results name its length."""
        if corrected is not None and corrected != self._video(corrected.video_id):
            self._store.register(self._epoch, [corrected], [])
            self._videos[corrected.video_id] = corrected


def _refusal(error: Unstorable) -> ChunkFailure:
    return ChunkFailure(error.kind, str(error), transient=False)
