"""A store over real clips whose pictures carry their numbers; a person's box says which frame it is in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from actors.probing.probe import probe
from actors.stores import open_store
from schemas.annotations.annotation import (
    FACE_DETECTION,
    FACE_IDENTITY,
    PERSON_DETECTION,
    PERSON_TRACK,
    SCENE_TYPE,
    SPEECH,
    Annotation,
    BBox,
    annotation_id,
    job_id_for,
)
from schemas.media.video import Video
from schemas.pipelines import AUDIO, FACE, PERSON, SCENE
from schemas.storage.backend import StorageBackend
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob, JobStatus, PipelineResult
from tests.support.media.clips import Clip, Coding, counting, irregular
from tests.support.stores.fake_videos import RUN, done

FRAMES = 60
WIDTH, HEIGHT = 480, 270
SAMPLED = ("constant", "late")  # clips whose results say in which frames a detector saw
HOSTILE_SAYING = "<script>window.hacked = 1</script> good morning"
CONFIG_HASH = "c1"


@dataclass(frozen=True)
class Watched:
    """A clip and the video that the store has of it."""

    clip: Clip
    video: Video

    @property
    def video_id(self) -> str:
        return self.video.video_id


def box_in(frame: int) -> BBox:
    """Where the person is in a frame: four pixels further to the right in each."""
    return BBox(8.0 + 4 * frame, 60.0, 90.0, 150.0)


def clips_in(folder: Path) -> dict[str, Clip]:
    """Clips with a constant and a variable rate, a late start, and one that no browser plays."""
    size = {"frames": FRAMES, "width": WIDTH, "height": HEIGHT}
    h264 = Coding(options=(("profile", "high"),))
    return {
        "constant": counting(folder, fps=25, coding=h264, **size),
        "variable": counting(folder, fps=50, ticks=irregular(FRAMES), coding=h264, **size),
        "late": counting(folder, fps=Fraction(30000, 1001), start_s=Fraction(5, 2), coding=h264, **size),
        "preview": counting(folder, fps=20, coding=Coding("mpeg4", ".avi", bframes=0), **size),
    }


def watched_in(folder: Path) -> Mapping[str, Watched]:
    """The clips, and a store of files' results in the SQLite database of this folder."""
    found = {name: Watched(clip, probe(str(clip.path))) for name, clip in clips_in(folder).items()}
    with closing(open_store(store_url(folder))) as store:
        epoch = store.open_run(RUN)
        for name, one in found.items():
            _fill(store, epoch, one.video, _config(one.video) if name in SAMPLED else {})
        store.close_run(epoch, "done")
    return found


def store_url(folder: Path) -> str:
    return f"sqlite:///{folder}/batch_processing.db"


def _config(video: Video) -> dict[str, object]:
    fps = float(video.nominal_fps)
    return {"pipelines": {PERSON: {"person": {"sample_fps": fps}}, FACE: {"face": {"sample_fps": fps / 5}}}}


def _fill(store: StorageBackend, epoch: int, video: Video, config: dict[str, object]) -> None:
    keys = {name: WorkKey(video.video_id, name, CONFIG_HASH) for name in (SCENE, PERSON, FACE, AUDIO)}
    results = {name: PipelineResult(name, CONFIG_HASH, JobStatus.PENDING) for name in keys}
    job_id = job_id_for(video.video_id, dict.fromkeys(keys, CONFIG_HASH))
    paths = Path(video.path), Path(video.path).parent
    job = BatchJob(job_id, *paths, config, video.video_id, JobStatus.PENDING, results, batch_id="batch-1")
    store.register(epoch, [video], [job])
    for name, rows in {SCENE: _scenes, PERSON: _persons, FACE: _faces, AUDIO: _speech}.items():
        store.finish(epoch, done(job, keys[name], tuple(rows(video, keys[name]))))


def _time(video: Video, frame: int) -> float:
    return video.time_s(int(video.index.pts[frame]))


def _row(key: WorkKey, kind: str, frame: int, ordinal: int = 0, **facts: object) -> Annotation:
    row_id = annotation_id(key.video_id, key.pipeline, key.config_hash, kind, frame, ordinal)
    return Annotation(row_id, key.video_id, key.pipeline, key.config_hash, kind, frame_number=frame, **facts)  # type: ignore[arg-type]


def _scenes(video: Video, key: WorkKey) -> Iterator[Annotation]:
    cut = FRAMES // 2
    edges = (0.0, _time(video, cut), video.duration_s)
    for number, frame in enumerate((0, cut)):
        yield _row(
            key,
            SCENE_TYPE,
            frame,
            timestamp_seconds=edges[number],
            end_seconds=edges[number + 1],
            scene_id=f"scene_{number + 1:04d}",
        )


def _persons(video: Video, key: WorkKey) -> Iterator[Annotation]:
    for frame in range(FRAMES):
        yield _row(
            key,
            PERSON_DETECTION,
            frame,
            timestamp_seconds=_time(video, frame),
            person_id="person_0001",
            confidence=0.9,
            bbox=box_in(frame),
        )
    yield _row(
        key,
        PERSON_TRACK,
        0,
        timestamp_seconds=0.0,
        end_seconds=video.duration_s,
        person_id="person_0001",
        confidence=0.9,
    )


def _faces(video: Video, key: WorkKey) -> Iterator[Annotation]:
    for frame in range(0, FRAMES, 5):
        yield _row(
            key,
            FACE_DETECTION,
            frame,
            timestamp_seconds=_time(video, frame),
            face_id="face_0002",
            confidence=0.8,
            bbox=BBox(420.0, 10.0, 30.0, 40.0),
        )
    yield _row(
        key,
        FACE_IDENTITY,
        0,
        timestamp_seconds=0.0,
        end_seconds=video.duration_s,
        face_id="face_0002",
        confidence=0.8,
    )


def _speech(video: Video, key: WorkKey) -> Iterator[Annotation]:
    yield _row(
        key,
        SPEECH,
        0,
        timestamp_seconds=0.2,
        end_seconds=1.2,
        speaker_id="speaker_0001",
        confidence=0.7,
        attributes={"text": HOSTILE_SAYING, "language": "en"},
    )
