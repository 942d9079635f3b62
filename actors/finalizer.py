"""Everything that needs order: chunks are put together from pieces, committed, and once a video is whole its rows are made final.

Only stored numbers are used, never pictures, so a finalizer can die at any moment: what it had not committed is decoded again, what it
had not finished is finished again from the store.
"""

from __future__ import annotations

import functools
import logging
import math
import queue
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Protocol

import numpy as np

from actors.coordinator import Finished
from actors.pieces import BoxesPiece, ChunkEnd, Failure
from schemas.chunk import ChunkCommit, ChunkSpec, ManifestLine, Numbers, WorkKey
from schemas.errors import Truncated, VaengineError
from schemas.frames import Detections, joined
from schemas.job import JobStatus
from schemas.pipeline import PERSON
from schemas.settings import Settings
from schemas.store import Outcome, StorageBackend
from schemas.video import Video

DETECTED = tuple(f.name for f in fields(Detections))
LOST_SHOWN = 10  # frame numbers named in a warning

log = logging.getLogger(__name__)


class Progress(Protocol):
    """What the finalizer tells the coordinator."""

    def committed(self, spec: ChunkSpec) -> None: ...
    def left(self, chunk_id: str, failure: Failure | None = None) -> None: ...
    def finished(self, finished: Finished) -> None: ...
    def halt(self, reason: str) -> None: ...


@dataclass(slots=True)
class _Assembly:
    """A chunk whose pieces are still coming in, in any order, each perhaps more than once."""

    end: ChunkEnd | None = None
    boxes: dict[int, BoxesPiece] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        return self.end is not None and len(self.boxes) >= self.end.pieces


class Finalizer:
    """Takes pieces and ends of chunks of its videos; commits whole chunks; finishes whole videos on a thread of its own."""

    def __init__(self, store: StorageBackend, progress: Progress, epoch: int, settings: Settings, *, keep_runs: bool = False) -> None:
        self._store, self._progress, self._epoch, self._settings, self._keep_runs = store, progress, epoch, settings, keep_runs
        self._assemblies: dict[str, _Assembly] = {}
        self._jobs: dict[str, str] = {}
        self._videos: dict[str, Video] = {}
        self._ended: set[WorkKey] = set()
        self._warmed = False
        self._taking = threading.Lock()  # the actor has a second thread, for `drain`
        self._to_finish: queue.SimpleQueue[tuple[WorkKey, threading.Event]] = queue.SimpleQueue()
        threading.Thread(target=self._finish_forever, daemon=True).start()

    def expect(self, jobs: dict[str, str]) -> None:
        """Which job (value) each video (key) is worked on for."""
        self._jobs.update(jobs)

    def take(self, values: list[BoxesPiece | ChunkEnd]) -> None:
        """Pieces and ends in any order, at least once each."""
        with self._taking:
            for value in values:
                self._take(value)

    def finish(self, key: WorkKey) -> None:
        """Make the rows of a key final; its manifest is known to be whole."""
        self._to_finish.put((key, threading.Event()))

    def ping(self) -> None:
        """Answers as long as this process lives."""

    def drain(self) -> None:
        """Return when everything handed to `finish` so far is done."""
        done = threading.Event()
        self._to_finish.put((WorkKey("", "", ""), done))
        done.wait()

    def _take(self, value: BoxesPiece | ChunkEnd) -> None:
        chunk_id = value.spec.chunk_id if isinstance(value, ChunkEnd) else value.chunk_id
        assembly = self._assemblies.setdefault(chunk_id, _Assembly())
        if isinstance(value, ChunkEnd):
            assembly.end = value
        else:
            assembly.boxes[value.number] = value
        if assembly.whole:
            del self._assemblies[chunk_id]
            self._guarded(functools.partial(self._settle_or_fail, assembly))

    def _settle_or_fail(self, assembly: _Assembly) -> None:
        """A fault of our own in one chunk is stored as the reason its pipelines failed; it must not look like a lost worker."""
        try:
            self._settle(assembly)
        except VaengineError:
            raise
        except Exception as error:
            if error.__class__.__module__.startswith("ray."):
                raise  # an actor of the crew is gone: the driver hires another
            traceback.print_exc()
            spec = self._end_of(assembly).spec
            self._progress.left(spec.chunk_id)
            for key in spec.keys:
                self._fail(key, Failure("internal", f"storing {key.video_id} failed: {error!r}", transient=False))

    def _guarded(self, work: Callable[[], None]) -> None:
        """Carry out `work`; a store that cannot take more halts the run, and so does a superseded epoch: its successor does the work."""
        try:
            work()
        except VaengineError as error:
            log.warning("%s", error)
            self._progress.halt(str(error))

    @staticmethod
    def _end_of(assembly: _Assembly) -> ChunkEnd:
        if assembly.end is None:
            raise AssertionError("only whole assemblies are settled")
        return assembly.end

    def _settle(self, assembly: _Assembly) -> None:
        end = self._end_of(assembly)
        pieces = [assembly.boxes[number] for number in sorted(assembly.boxes)]
        failures = [failure for failure in (end.failure, *(piece.failure for piece in pieces)) if failure is not None]
        transient = next((failure for failure in failures if failure.transient), None)
        if end.cancelled or transient:
            self._progress.left(end.spec.chunk_id, transient)
            return
        failed = {key: failure for key in end.spec.keys for failure in failures if failure.pipeline in (None, key.pipeline)}
        self._commit(end, pieces, tuple(key for key in end.spec.keys if key not in failed))
        for key, failure in failed.items():
            self._fail(key, failure)

    def _commit(self, end: ChunkEnd, pieces: list[BoxesPiece], keys: tuple[WorkKey, ...]) -> None:
        if not keys:
            self._progress.left(end.spec.chunk_id)
            return
        totals = self._store.commit_chunks(self._epoch, [self._chunk_commit(end, pieces, key) for key in keys])
        self._progress.committed(end.spec)
        self._warm_up(keys)
        frames = len(self._video(end.video_id).index)
        for key, total in totals.items():
            if total >= frames:
                self.finish(key)

    def _warm_up(self, keys: tuple[WorkKey, ...]) -> None:
        """With the first boxes stored, load what tracks need, beside the work that still goes on."""
        if not self._warmed and any(key.pipeline == PERSON for key in keys):
            from actors.tracks import warm_up

            self._warmed = True
            threading.Thread(target=warm_up, daemon=True).start()

    def _chunk_commit(self, end: ChunkEnd, pieces: list[BoxesPiece], key: WorkKey) -> ChunkCommit:
        spec, numbers = end.spec, numbers_of(end, pieces if key.pipeline == PERSON else [])
        seconds = end.decode_s / len(spec.keys) + (sum(piece.model_s for piece in pieces) if key.pipeline == PERSON else 0.0)
        line = ManifestLine(
            key=key,
            start_pts=spec.start_pts,
            end_pts=spec.end_pts,
            first_frame=spec.first_frame,
            frame_count=spec.frame_count,
            lost=end.lost,
            checksum=numbers.checksum(),
            attempt=spec.attempt,
            seconds=seconds,
        )
        from actors.association import provisional  # brings OpenCV along, which the driver that starts this class does not need

        rows = provisional(numbers, key, self._video(end.video_id)) if key.pipeline == PERSON else ()
        return ChunkCommit(line, self._jobs[end.video_id], rows, numbers.to_bytes())

    def _fail(self, key: WorkKey, failure: Failure) -> None:
        if key in self._ended:
            return
        self._ended.add(key)
        job_id = self._jobs[key.video_id]
        self._store.finish(self._epoch, Outcome(key, job_id, JobStatus.FAILED, error_message=failure.message, failure_kind=failure.kind))
        self._progress.finished(Finished(key, failure.message))

    def _video(self, video_id: str) -> Video:
        video = self._videos.get(video_id)  # the other thread may drop it at any moment
        if video is None:
            video = self._videos[video_id] = self._store.videos([video_id])[video_id]
        return video

    def _finish_forever(self) -> None:
        while True:
            key, done = self._to_finish.get()
            try:
                if key.video_id:
                    self._guarded(functools.partial(self.finish_now, key))
            except Exception:  # noqa: BLE001 this thread must live, or `drain` waits for ever; the key stays missing and is done again
                traceback.print_exc()
                self._ended.discard(key)
            finally:
                done.set()

    def finish_now(self, key: WorkKey) -> None:
        """`finish`, on the caller's thread; once for each key."""
        if key in self._ended:
            return
        self._ended.add(key)
        outcome = self._outcome(key)
        self._store.finish(self._epoch, outcome)
        self._progress.finished(Finished(key, outcome.error_message))
        self._videos.pop(key.video_id, None)  # an index is 8 bytes a frame; it is read again if needed

    def _outcome(self, key: WorkKey) -> Outcome:
        """What a whole manifest makes of a pipeline: final rows, and failed as truncated where too many frames are missing."""
        from actors.association import associate

        video, job_id = self._video(key.video_id), self._jobs[key.video_id]
        lines = self._store.manifest([key])[key]
        lost = [frame for line in lines for frame in line.lost]
        numbers = self._store.numbers(key)
        verdict = loss_verdict(video, lost, len(numbers.frame_numbers) + len(lost), self._settings.decode.max_lost)
        try:
            annotations = associate(video, numbers, self._settings, key)
        except Exception as error:  # noqa: BLE001 a fault in one video's association must not stop the others; it is stored as its reason
            traceback.print_exc()
            return Outcome(key, job_id, JobStatus.FAILED, error_message=f"association failed: {error!r}", failure_kind="internal")
        loss = verdict.error
        return Outcome(
            key,
            job_id,
            JobStatus.FAILED if loss else JobStatus.COMPLETED,
            annotations,
            error_message=str(loss) if loss else None,
            failure_kind=loss.kind if loss else None,
            warning=verdict.warning,
            keep_runs=self._keep_runs,
        )


@dataclass(frozen=True, slots=True)
class LossVerdict:
    """Whether lost frames are a warning or a failure."""

    warning: str | None = None
    error: VaengineError | None = None


def loss_verdict(video: Video, lost: list[int], wanted: int, max_lost: float) -> LossVerdict:
    """Frames promised but absent: up to `max_lost` of all, and at least one, are a warning that lists them; more is `Truncated`.

    `wanted` are those that were to be decoded: fewer than all where only sampled ones are.
    """
    count = len(lost) + video.index.missing
    promised = min(video.frame_count, wanted + video.index.missing)
    if not count:
        return LossVerdict()
    if count > max(1, math.floor(max_lost * promised)) or count >= promised:
        return LossVerdict(error=Truncated(video.path, count, promised))
    shown = ", ".join(str(frame) for frame in lost[:LOST_SHOWN]) + (", ..." if len(lost) > LOST_SHOWN else "")
    absent = f"; {video.index.missing} more are promised by the header but not in the file" if video.index.missing else ""
    return LossVerdict(warning=f"{count} of {promised} frames lost: {shown or 'none by number'}{absent}")


def numbers_of(end: ChunkEnd, pieces: list[BoxesPiece]) -> Numbers:
    """A chunk's numbers, boxes ordered by frame and, within it, as the detector ranked them."""
    per_frame = [(int(frame), boxes) for piece in pieces for frame, boxes in zip(piece.frame_numbers, piece.detections, strict=True)]
    sampled, none = np.array([frame for frame, _ in per_frame], np.int64), Detections.none()
    return Numbers(
        frame_numbers=end.frame_numbers,
        frame_pts=end.frame_pts,
        scene_scores=end.scene_scores,
        sampled=sampled,
        box_frames=np.repeat(sampled, [len(boxes) for _, boxes in per_frame]) if per_frame else sampled,
        **{name: joined([getattr(none, name), *(getattr(boxes, name) for _, boxes in per_frame)]) for name in DETECTED},
    )
