"""The one actor that knows how a run stands: what is in work, what is done, what failed, whether to stop.

It holds nothing that cannot be lost: progress that counts is in the store, and a coordinator that dies costs a display.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from actors.pieces import Failure
from schemas.chunk import ChunkSpec, WorkKey
from schemas.progress import PipelineProgress, Snapshot
from schemas.sound import SoundBlock

FAILURES_SHOWN = 5  # the store has all of them


@dataclass(frozen=True, slots=True)
class PlannedVideo:
    """A video with work in this run: `frames` still to do of each pipeline (seconds of one that listens); `decoded` frames, `video_s`
    seconds of pictures and `sound_s` of sound to read for them."""

    video_id: str
    frames: Mapping[WorkKey, int]
    decoded: int
    video_s: float
    sound_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Finished:
    """One pipeline of one video that ended; `error` is one line, None where it completed."""

    key: WorkKey
    error: str | None


class Coordinator:
    """Counts events and answers with frozen snapshots. O(1) for each event; runs as a named actor that asks for no CPU."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._working_since: float | None = None
        self._snapshot = Snapshot()
        self._open: dict[str, set[WorkKey]] = {}  # video -> pipelines not ended
        self._failed_videos: set[str] = set()
        self._in_work: set[str] = set()
        self._failures: deque[str] = deque(maxlen=FAILURES_SHOWN)
        self._finished: list[Finished] = []
        self._halted: str | None = None
        self._reasons: dict[str, Failure] = {}

    def planned(self, videos: Sequence[PlannedVideo]) -> None:
        """More work was found."""
        for video in videos:
            self._open[video.video_id] = set(video.frames)
            for key, frames in video.frames.items():
                self._count(key.pipeline, frames_total=frames)
        self._add(
            videos_total=len(videos),
            video_s_total=sum(video.video_s for video in videos),
            sound_s_total=sum(video.sound_s for video in videos),
            frames_total=sum(video.decoded for video in videos),
        )

    def settled(self, *, skipped: int = 0, failures: Sequence[str] = ()) -> None:
        """Videos that need no work, or cannot be read at all (`failures`: one line each)."""
        self._add(videos_total=skipped + len(failures), videos_skipped=skipped, videos_failed=len(failures))
        for line in failures:
            self._note_failure(line)

    def probing_done(self) -> None:
        """No more videos will be found."""
        self._snapshot = replace(self._snapshot, probing=False)

    def started(self, chunk_id: str) -> bool:
        """A chunk is being decoded; False tells the decoder to leave it."""
        if self.stopping():
            return False
        if self._working_since is None:
            self._working_since = self._clock()
        self._in_work.add(chunk_id)
        return True

    def left(self, chunk_id: str, failure: Failure | None = None) -> None:
        """A chunk was given up because the run is stopping, or failed in a way that another pass may cure."""
        self._in_work.discard(chunk_id)
        if failure is not None:
            self._reasons[chunk_id] = failure

    def reasons(self) -> dict[str, Failure]:
        """Why chunks were left, the last reason of each."""
        return dict(self._reasons)

    def committed(self, spec: ChunkSpec) -> None:
        """A chunk is in the store."""
        self._settled(spec.chunk_id)
        for key in spec.keys:
            self._count(key.pipeline, frames_done=spec.frame_count)
        self._add(frames_done=spec.frame_count, video_s_done=spec.duration_s)

    def heard(self, block: SoundBlock) -> None:
        """A block of sound is in the store."""
        self._settled(block.chunk_id)
        self._count(block.key.pipeline, frames_done=block.whole_seconds)
        self._add(sound_s_done=block.duration_s)

    def _settled(self, chunk_id: str) -> None:
        self._in_work.discard(chunk_id)
        self._reasons.pop(chunk_id, None)

    def finished(self, finished: Finished) -> None:
        """One pipeline of one video is complete or has failed."""
        key, failed = finished.key, finished.error is not None
        self._finished.append(finished)
        self._count(key.pipeline, videos_done=int(not failed), videos_failed=int(failed))
        if failed:
            self._failed_videos.add(key.video_id)
            self._note_failure(f"{key.video_id} {key.pipeline}: {finished.error}")
        waiting = self._open.get(key.video_id, set())
        waiting.discard(key)
        if not waiting and self._open.pop(key.video_id, None) is not None:
            bad = key.video_id in self._failed_videos
            self._add(videos_done=int(not bad), videos_failed=int(bad))

    def take_finished(self) -> list[Finished]:
        """What ended since the last call."""
        taken, self._finished = self._finished, []
        return taken

    def stop(self) -> None:
        """Begin no further chunk."""
        self._snapshot = replace(self._snapshot, stopping=True)

    def halt(self, reason: str) -> None:
        """Stop because nothing more can be stored."""
        self._halted = self._halted or reason
        self.stop()

    def halted(self) -> str | None:
        return self._halted

    def ping(self) -> None:
        """Answers as long as this process lives."""

    def stopping(self) -> bool:
        return self._snapshot.stopping

    def snapshot(self) -> Snapshot:
        """The run at this moment."""
        now = self._clock()
        return replace(
            self._snapshot,
            in_work=len(self._in_work),
            elapsed_s=now - self._began,
            working_s=now - self._working_since if self._working_since is not None else 0.0,
            failures=tuple(self._failures),
        )

    def _note_failure(self, line: str) -> None:
        self._failures.append(line)
        self._add(failure_count=1)

    def _add(self, **amounts: float) -> None:
        self._snapshot = replace(self._snapshot, **{name: getattr(self._snapshot, name) + amount for name, amount in amounts.items()})

    def _count(self, pipeline: str, **amounts: int) -> None:
        before = self._snapshot.pipelines.get(pipeline, PipelineProgress())
        after = replace(before, **{name: getattr(before, name) + amount for name, amount in amounts.items()})
        self._snapshot = replace(self._snapshot, pipelines={**self._snapshot.pipelines, pipeline: after})
