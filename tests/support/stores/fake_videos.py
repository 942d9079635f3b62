"""Made-up videos, jobs and chunks whose every row is known, for whatever keeps or shows results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np

from schemas.annotations.annotation import (
    PERSON_DETECTION,
    PERSON_TRACK,
    SCENE_TYPE,
    Annotation,
    BBox,
    annotation_id,
    job_id_for,
)
from schemas.media.video import FrameIndex, Video, video_id_for
from schemas.pipelines import PERSON, SCENE
from schemas.storage.backend import Outcome
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob, JobStatus, PipelineResult
from schemas.work.manifest import ChunkCommit, FrameNumbers, ManifestLine
from schemas.work.run import RunInfo

RUN = RunInfo("batch-1", "host", 4711, {"preset": "embedded"}, ("/clips",))
CHUNK_FRAMES = 25


@dataclass(frozen=True)
class Clip:
    """A video of `frames` frames at 25 a second, 640 x 360, and what two pipelines find in it."""

    name: str = "/clips/garden.mp4"
    content: str = "a"
    frames: int = 100

    @property
    def fingerprint(self) -> str:
        return self.content * 64

    @property
    def video_id(self) -> str:
        return video_id_for(self.name, self.fingerprint)

    @property
    def video(self) -> Video:
        index = FrameIndex(
            np.arange(self.frames, dtype=np.int64) * 512, np.arange(0, self.frames, 50, dtype=np.int64), True
        )
        facts = ("mov,mp4", "h264", 0, Fraction(1, 12800), 0, self.frames * 512, 640, 360, 0, Fraction(25))
        return Video(self.video_id, self.fingerprint, self.name, 1000, 123456789, *facts, index)

    def key(self, pipeline: str = SCENE, config_hash: str = "c1") -> WorkKey:
        return WorkKey(self.video_id, pipeline, config_hash)

    def job(
        self, *keys: WorkKey, status: JobStatus = JobStatus.PENDING, batch_id: str = "batch-1"
    ) -> BatchJob:
        hashes = {key.pipeline: key.config_hash for key in keys or (self.key(),)}
        results = {name: PipelineResult(name, config_hash, status) for name, config_hash in hashes.items()}
        config = {"scene": {"threshold": 27.0}, "hashes": hashes}
        job_id = job_id_for(self.video_id, hashes)
        return BatchJob(
            job_id, Path(self.name), Path("/out"), config, self.video_id, status, results, batch_id=batch_id
        )

    def boxes(
        self, key: WorkKey, first: int, count: int, person: str | None = None, per_frame: int = 2
    ) -> tuple[Annotation, ...]:
        """`per_frame` boxes in each frame, without a person until they are tracked."""
        return tuple(
            self._box(key, frame, n, person)
            for frame in range(first, first + count)
            for n in range(per_frame)
        )

    def _box(self, key: WorkKey, frame: int, ordinal: int, person: str | None) -> Annotation:
        row_id = annotation_id(key.video_id, key.pipeline, key.config_hash, PERSON_DETECTION, frame, ordinal)
        box, confidence = BBox(10.0 + ordinal, frame / 3, 64.5, 128.0), 0.5 + frame % 400 / 1000
        return Annotation(
            row_id,
            *_of(key),
            PERSON_DETECTION,
            frame / 25,
            None,
            frame,
            person,
            confidence=confidence,
            bbox=box,
            attributes={"rank": ordinal},
        )

    def track(self, key: WorkKey, person: str) -> Annotation:
        row_id = annotation_id(key.video_id, key.pipeline, key.config_hash, PERSON_TRACK, 0, 0)
        return Annotation(row_id, *_of(key), PERSON_TRACK, 0.0, self.frames / 25, 0, person, confidence=0.75)

    def scenes(self, key: WorkKey, cuts: Sequence[int] = ()) -> tuple[Annotation, ...]:
        """Scenes without a gap between these frames."""
        edges = [0, *cuts, self.frames]
        return tuple(
            self._scene(key, n, start, end) for n, (start, end) in enumerate(pairwise(edges), start=1)
        )

    def _scene(self, key: WorkKey, number: int, start: int, end: int) -> Annotation:
        row_id = annotation_id(key.video_id, key.pipeline, key.config_hash, SCENE_TYPE, start, 0)
        return Annotation(
            row_id,
            *_of(key),
            SCENE_TYPE,
            start / 25,
            end / 25,
            start,
            scene_id=f"scene_{number:04d}",
            attributes={"frame_count": end - start},
        )

    def commit(
        self,
        key: WorkKey,
        first: int,
        count: int = CHUNK_FRAMES,
        *,
        rows: Sequence[Annotation] | None = None,
        lost: tuple[int, ...] = (),
        job: BatchJob | None = None,
        attempt: int = 1,
    ) -> ChunkCommit:
        """One chunk; person chunks hold their boxes, scene chunks only numbers."""
        frames = np.arange(first, first + count, dtype=np.int64)
        none = FrameNumbers.none()
        numbers = FrameNumbers(
            frames, frames * 512, frames / 7.0, frames[:1], none.box_frames, none.xyxy, none.confidence
        )
        given = rows if rows is not None else self.boxes(key, first, count) if key.pipeline == PERSON else ()
        line = ManifestLine(
            key, first * 512, (first + count) * 512, first, count, lost, numbers.checksum(), attempt, 0.25
        )
        return ChunkCommit(line, (job or self.job(key)).job_id, tuple(given), numbers.to_bytes())

    def commits(
        self, key: WorkKey, size: int = CHUNK_FRAMES, job: BatchJob | None = None
    ) -> list[ChunkCommit]:
        """Every chunk of the clip."""
        return [
            self.commit(key, first, min(size, self.frames - first), job=job)
            for first in range(0, self.frames, size)
        ]


def done(
    job: BatchJob, key: WorkKey, annotations: Iterable[Annotation] | None = (), *, keep_runs: bool = False
) -> Outcome:
    """The outcome of a pipeline that worked."""
    return Outcome(
        key,
        job.job_id,
        JobStatus.COMPLETED,
        None if annotations is None else tuple(annotations),
        keep_runs=keep_runs,
    )


def broken(job: BatchJob, key: WorkKey, annotations: Iterable[Annotation] | None = None) -> Outcome:
    """The outcome of a pipeline that did not."""
    given = None if annotations is None else tuple(annotations)
    return Outcome(key, job.job_id, JobStatus.FAILED, given, "7 of 100 frames are missing", "truncated")


def _of(key: WorkKey) -> tuple[str, str, str]:
    return key.video_id, key.pipeline, key.config_hash
