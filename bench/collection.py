"""A made-up collection of any size, as annotations of five thousand rows a video: boxes, tracks, faces, sounds, loudness, scenes."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np

from schemas.annotation import (
    AUDIO_EVENT,
    FACE_DETECTION,
    LOUDNESS,
    PERSON_DETECTION,
    PERSON_TRACK,
    SCENE_TYPE,
    Annotation,
    BBox,
    annotation_id,
    job_id_for,
)
from schemas.chunk import WorkKey
from schemas.job import BatchJob, JobStatus, PipelineResult
from schemas.pipeline import AUDIO, FACE, PERSON, SCENE
from schemas.store import Outcome, StorageBackend
from schemas.video import FrameIndex, Video
from schemas.work.manifest import ChunkCommit, ManifestLine, Numbers
from schemas.work.run import RunInfo

ROWS: Final = 5_000  # of each video: three persons in every frame of a minute, and what else there is to be found
FRAMES: Final = 1_500
CONFIG: Final = "0123456789abcdef"
PIPELINES: Final = (SCENE, PERSON, FACE, AUDIO)
RUN: Final = RunInfo("bench", "host", 1, {}, ())
EMPTY: Final = Numbers.none().to_bytes()


def video(number: int) -> Video:
    """A minute at 25 frames a second."""
    index = FrameIndex(np.arange(FRAMES, dtype=np.int64) * 512, np.arange(0, FRAMES, 50, dtype=np.int64), True)
    facts = ("mov,mp4", "h264", 0, Fraction(1, 12800), 0, FRAMES * 512, 640, 360, 0, Fraction(25))
    return Video(video_id(number), f"{number:064d}", f"/clips/{number:07d}.mp4", 1000, 1, *facts, index)


def job(number: int) -> BatchJob:
    """All four pipelines of a video."""
    results = {name: PipelineResult(name, CONFIG, JobStatus.PENDING) for name in PIPELINES}
    own = video(number)
    job_id = job_id_for(own.video_id, dict.fromkeys(PIPELINES, CONFIG))
    return BatchJob(job_id, Path(own.path), Path("/out"), {}, own.video_id, JobStatus.PENDING, results, batch_id=RUN.batch_id)


def boxes(number: int, count: int) -> tuple[Annotation, ...]:
    """Boxes of three persons, frame by frame."""
    return tuple(_box(number, PERSON, PERSON_DETECTION, at // 3, at % 3) for at in range(count))


def found(number: int) -> dict[str, tuple[Annotation, ...]]:
    """What each pipeline finds in a video."""
    own = video(number).video_id
    tracks = tuple(_span(own, PERSON, PERSON_TRACK, at, 2.0 * at, 2.0 * at + 7, person_id=f"person_{at:04d}") for at in range(20))
    faces = tuple(_box(number, FACE, FACE_DETECTION, at * 3, 0) for at in range(400))
    events = tuple(
        _span(own, AUDIO, AUDIO_EVENT, at, 5.0 * at, 5.0 * at + 2, attributes={"label": "Laughter" if (at + number) % 40 == 0 else "Music"})
        for at in range(10)
    )
    loud = tuple(_span(own, AUDIO, LOUDNESS, at, float(at), at + 1.0, attributes={"rms_dbfs": -10.0 - at % 30}) for at in range(60))
    scenes = tuple(_span(own, SCENE, SCENE_TYPE, at, 6.0 * at, 6.0 * at + 6, scene_id=f"scene_{at:04d}") for at in range(10))
    return {SCENE: scenes, PERSON: (*boxes(number, 3 * FRAMES), *tracks), FACE: faces, AUDIO: (*events, *loud)}


def commit(number: int, rows: tuple[Annotation, ...], first: int, count: int) -> ChunkCommit:
    """Boxes of a stretch of frames as a chunk."""
    key = WorkKey(video(number).video_id, PERSON, CONFIG)
    line = ManifestLine(key, first * 512, (first + count) * 512, first, count, (), "0" * 64, 1)
    return ChunkCommit(line, job(number).job_id, rows, EMPTY)


def store_videos(store: StorageBackend, numbers: range) -> Iterator[int]:
    """Everything of these videos, by one run; yields the rows there are after each."""
    epoch, rows = store.open_run(RUN), 0
    for number in numbers:
        asked = job(number)
        store.register(epoch, [video(number)], [asked])
        for pipeline, own in found(number).items():
            store.finish(epoch, Outcome(WorkKey(asked.video_id, pipeline, CONFIG), asked.job_id, JobStatus.COMPLETED, own))
            rows += len(own)
        yield rows
    store.close_run(epoch, "completed")


def _box(number: int, pipeline: str, kind: str, frame: int, ordinal: int) -> Annotation:
    own = video_id(number)
    row_id = annotation_id(own, pipeline, CONFIG, kind, frame, ordinal)
    place = BBox(10.0 + frame / 7, 20.0 + ordinal, 64.5, 128.25)
    who = f"person_{ordinal:04d}" if pipeline == PERSON else None
    return Annotation(row_id, own, pipeline, CONFIG, kind, frame / 25, None, frame, who, confidence=0.5 + frame % 49 / 100, bbox=place)


def _span(own: str, pipeline: str, kind: str, ordinal: int, start_s: float, end_s: float, **facts: object) -> Annotation:
    row_id = annotation_id(own, pipeline, CONFIG, kind, -1, ordinal)
    return Annotation(row_id, own, pipeline, CONFIG, kind, start_s, end_s, **facts)  # type: ignore[arg-type]


def video_id(number: int) -> str:
    return f"clip{number:07d}"
