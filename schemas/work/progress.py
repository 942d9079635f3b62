"""The progress of a run as the coordinator reports it, and messages between workers and the coordinator."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from schemas.work.chunk import WorkKey


@dataclass(frozen=True, slots=True)
class PipelineProgress:
    """Progress of one pipeline: frames, or seconds of sound; `total` grows while probing goes on."""

    frames_done: int = 0
    frames_total: int = 0
    videos_done: int = 0
    videos_failed: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A run at one moment; seconds are of video unless the name says otherwise."""

    videos_total: int = 0
    videos_done: int = 0
    videos_skipped: int = 0
    videos_failed: int = 0
    probing: bool = True  # more videos may still be found
    frames_done: int = 0
    frames_total: int = 0
    video_s_done: float = 0.0
    video_s_total: float = 0.0
    sound_s_done: float = 0.0
    sound_s_total: float = 0.0
    in_work: int = 0  # chunks
    elapsed_s: float = 0.0  # wall, since the run began
    working_s: float = 0.0  # wall, since the first chunk was started; 0 before that
    pipelines: Mapping[str, PipelineProgress] = field(default_factory=dict)
    failures: tuple[str, ...] = ()  # one line each, newest last, the last few
    failure_count: int = 0
    stopping: bool = False

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Snapshot:
        """The reverse of `to_json`."""
        data = json.loads(text)
        pipelines = {name: PipelineProgress(**counts) for name, counts in data.pop("pipelines").items()}
        return cls(**{**data, "pipelines": pipelines, "failures": tuple(data["failures"])})

    @property
    def fps(self) -> float:
        """Frames per second since work started."""
        return self.frames_done / self.working_s if self.working_s > 0 else 0.0

    @property
    def realtime_factor(self) -> float:
        """Seconds of video done per second; of sound where more sound is done."""
        return max(self.video_s_done, self.sound_s_done) / self.working_s if self.working_s > 0 else 0.0

    @property
    def eta_s(self) -> float | None:
        """Seconds left at the pace since work started, weighted by duration.

        None while probing, and until something of each kind is done.
        """
        remaining = [
            self._remaining_s(self.video_s_done, self.video_s_total),
            self._remaining_s(self.sound_s_done, self.sound_s_total),
        ]
        known = [seconds for seconds in remaining if seconds is not None]
        return None if self.probing or len(known) < len(remaining) or not self.realtime_factor else max(known)

    def _remaining_s(self, done_s: float, total_s: float) -> float | None:
        """Seconds left for pictures or for sound, each at its own pace.

        0 where there is none of that kind.
        """
        if total_s <= 0:
            return 0.0
        return max(0.0, total_s - done_s) * self.working_s / done_s if done_s > 0 else None


@dataclass(frozen=True, slots=True)
class PlannedVideo:
    """A video with work in this run.

    `frames` are still to do for each pipeline (seconds for audio_processing); `decoded` frames, `video_s`
    seconds of pictures and `sound_s` seconds of sound are to be read for them.
    """

    video_id: str
    frames: Mapping[WorkKey, int]
    decoded: int
    video_s: float
    sound_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Finished:
    """A pipeline of a video that ended; `error` is one line, None where it completed."""

    key: WorkKey
    error: str | None


@dataclass(frozen=True, slots=True, order=True)
class Worker:
    """A process of a Ray node."""

    node_id: str
    host: str
    pid: int

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}"


@dataclass(frozen=True, slots=True)
class WorkerCall:
    """A worker in the middle of work on these chunks, with `silent_s` seconds since its last heartbeat.

    `stalled`: that is too long.
    """

    worker: Worker
    chunk_ids: tuple[str, ...]
    silent_s: float
    stalled: bool

    def __str__(self) -> str:
        return f"{self.worker} over {', '.join(self.chunk_ids[:3])}, silent for {self.silent_s:.0f} s"
