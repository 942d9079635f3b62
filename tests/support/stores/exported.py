"""A store with everything that an export may meet: unicode, no rows, an uneven rate, a turned video, ten
hours, and a file of sound alone; every row is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np

from actors.stores import open_store
from schemas.annotations.annotation import (
    AUDIO_EVENT,
    FACE_DETECTION,
    FACE_IDENTITY,
    LOUDNESS,
    PERSON_DETECTION,
    PERSON_TRACK,
    SCENE_TYPE,
    SPEAKER,
    SPEECH,
    VOICE_ACTIVITY,
    WORD,
    Annotation,
    BBox,
    annotation_id,
    job_id_for,
)
from schemas.media.video import FrameIndex, Video, video_id_for
from schemas.pipelines import AUDIO, AVAILABLE, FACE, PERSON, SCENE
from schemas.storage.backend import Outcome
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob, JobStatus, PipelineResult
from tests.support.stores.fake_rows import sound_alone
from tests.support.stores.fake_videos import RUN

TIME_BASE = Fraction(1, 12800)
CONFIG = "c1"
PIPELINES = {
    SCENE_TYPE: SCENE,
    **dict.fromkeys((PERSON_TRACK, PERSON_DETECTION), PERSON),
    **dict.fromkeys((FACE_DETECTION, FACE_IDENTITY), FACE),
    **dict.fromkeys((AUDIO_EVENT, SPEECH, WORD, SPEAKER, VOICE_ACTIVITY, LOUDNESS), AUDIO),
}


@dataclass
class Filmed:
    """A video and the rows that a test gives it, each with an id of its own."""

    video: Video
    pipelines: Sequence[str] = AVAILABLE
    rows: list[Annotation] = field(default_factory=list)

    def add(self, kind: str, start_s: float, end_s: float | None = None, **facts: object) -> Annotation:
        pipeline = PIPELINES[kind]
        row_id = annotation_id(self.video.video_id, pipeline, CONFIG, kind, 0, len(self.rows))
        place = (row_id, self.video.video_id, pipeline, CONFIG, kind)
        row = Annotation(*place, start_s, end_s, **facts)  # type: ignore[arg-type]
        self.rows.append(row)
        return row

    def time_s(self, frame: int) -> float:
        return self.video.time_s(int(self.video.index.pts[frame]))

    def box(
        self,
        kind: str,
        frame: int,
        label: str | None,
        xywh: tuple[float, float, float, float],
        **more: object,
    ) -> None:
        column = {"face_id": label} if kind == FACE_DETECTION else {"person_id": label}
        facts = {"frame_number": frame, "confidence": 0.5 + frame % 400 / 1000, "bbox": BBox(*xywh)}
        self.add(kind, self.time_s(frame), None, **{**column, **facts, "attributes": more})

    def lasting(self, kind: str, first: int, stop: int, **facts: object) -> None:
        """A row from one frame to another."""
        self.add(kind, self.time_s(first), self.time_s(stop), frame_number=first, **facts)

    def of(self, *kinds: str) -> list[Annotation]:
        """The rows of some types in order of time."""
        found = [row for row in self.rows if row.annotation_type in kinds]
        return sorted(found, key=lambda row: (row.timestamp_seconds or 0.0, row.annotation_id))


def video(
    name: str,
    content: str,
    frames: int = 100,
    *,
    steps: Sequence[int] = (512,),
    size: tuple[int, int] = (640, 360),
    rotation: int = 0,
    path: str | None = None,
) -> Video:
    """A video of 25 frames a second, or of frames that last `steps` of 1/12800 s in turn."""
    lengths = np.resize(np.array(steps, np.int64), frames)
    pts = np.concatenate([[0], np.cumsum(lengths)])
    index = FrameIndex(pts[:-1], np.arange(0, frames, 50, dtype=np.int64), True)
    location = path or f"/clips/{name}"
    facts = ("mov,mp4", "h264", 0, TIME_BASE, 0, int(pts[-1]), *size, rotation, Fraction(25))
    return Video(video_id_for(location, content * 64), content * 64, location, 1000, 123456789, *facts, index)


def walked(filmed: Filmed, frames: Sequence[int]) -> Filmed:
    """Two persons who walk, one of them seen by face, a box in no track, and a talk of two speakers."""
    for at, frame in enumerate(frames):
        points = [float(n % 50) + 1 if n % 3 < 2 else 2.0 for n in range(51)]
        more = {"keypoints": points, "num_keypoints": 17, "keypoint_scores": [0.5] * 17}
        filmed.box(PERSON_DETECTION, frame, "person_0001", (10.0 + 3 * at, 20.5, 60.0, 150.25), **more)
        wave = 100.0 + 20 * float(np.sin(at))
        filmed.box(PERSON_DETECTION, frame, "person_0002", (300.0, wave, 64.5, 128.0), **more)
        landmarks = [[20.0, 30.0], [40.0, 30.0], [30.0, 40.0], [22.0, 50.0], [38.0, 50.0]]
        face = {"landmarks": landmarks, "age": 31.5, "gender": "female"}
        filmed.box(FACE_DETECTION, frame, "face_0001", (25.0 + 3 * at, 25.0, 30.0, 40.0), **face)
    filmed.box(PERSON_DETECTION, frames[0], None, (500.0, 10.0, 20.0, 40.0))
    first, last = frames[0], frames[-1]
    filmed.lasting(PERSON_TRACK, first, last, person_id="person_0001", confidence=0.75)
    filmed.lasting(PERSON_TRACK, first, last, person_id="person_0002", confidence=0.7)
    persons = {"persons": ["person_0001"], "faces": len(frames)}
    filmed.lasting(FACE_IDENTITY, first, last, face_id="face_0001", confidence=0.7, attributes=persons)
    middle = frames[len(frames) // 2]
    filmed.lasting(SCENE_TYPE, 0, middle, scene_id="scene_0001")
    filmed.add(
        SCENE_TYPE,
        filmed.time_s(middle),
        filmed.video.duration_s,
        scene_id="scene_0002",
        frame_number=middle,
    )
    return talked(filmed)


def talked(filmed: Filmed) -> Filmed:
    """Two speakers, of whom one begins before the first picture, laughter over music, and loudness."""
    one, two = "speaker_0001", "speaker_0002"
    text = {"language": "en"}
    filmed.add(SPEECH, -0.1, 1.25, speaker_id=one, attributes={"text": "Good morning.", **text})
    filmed.add(SPEECH, 1.5, 2.5, speaker_id=two, attributes={"text": 'Grüß "Gott" & <welcome>, 世界', **text})
    for word, start_s, end_s in (("Good", -0.1, 0.5), ("morning.", 0.5, 1.25)):
        filmed.add(WORD, start_s, end_s, speaker_id=one, attributes={"word": word}, confidence=0.5)
    filmed.add(SPEAKER, -0.1, 1.25, speaker_id=one)
    filmed.add(SPEAKER, 1.5, 2.5, speaker_id=two)
    filmed.add(AUDIO_EVENT, 1.0, 3.0, attributes={"label": "laughter"}, confidence=0.9)
    filmed.add(AUDIO_EVENT, 2.0, 3.9, attributes={"label": "music"}, confidence=0.8)
    filmed.add(VOICE_ACTIVITY, -0.1, 2.6, confidence=0.9)
    for second in range(3):
        filmed.add(LOUDNESS, float(second), second + 1.0, attributes={"rms_dbfs": -20.0, "peak_dbfs": -6.0})
    return filmed


def collection(folder: Path | None = None) -> dict[str, Filmed]:
    """The six videos by what is special about them."""
    hours = video("ten hours.mp4", "d", 900_000)
    return {
        "unicode": walked(Filmed(video("küche 'süd' 😀 <&>.mp4", "a")), range(0, 100, 5)),
        "empty": Filmed(video("empty.mp4", "b")),
        "uneven": walked(Filmed(video("uneven.mkv", "c", steps=(256, 768, 1024))), range(0, 100, 5)),
        "turned": walked(Filmed(video("turned.mov", "e", size=(360, 640), rotation=90)), range(0, 100, 5)),
        "long": walked(Filmed(hours), [*range(0, 100, 5), *range(899_800, 900_000, 5)]),
        "sound": talked(Filmed(sound_alone(), (AUDIO,))),
    }


def stored(url: str, videos: Sequence[Filmed]) -> str:
    """A store that has complete results of these videos; its address."""
    with closing(open_store(url)) as store:
        epoch = store.open_run(RUN)
        for filmed in videos:
            keys = [WorkKey(filmed.video.video_id, name, CONFIG) for name in filmed.pipelines]
            job = _job(filmed.video, keys)
            store.register(epoch, [filmed.video], [job])
            for key in keys:
                rows = tuple(row for row in filmed.rows if row.pipeline == key.pipeline)
                store.finish(epoch, Outcome(key, job.job_id, JobStatus.COMPLETED, rows))
        store.close_run(epoch, "completed")
    return url


def _job(video: Video, keys: Sequence[WorkKey]) -> BatchJob:
    hashes = {key.pipeline: key.config_hash for key in keys}
    results = {name: PipelineResult(name, CONFIG, JobStatus.PENDING) for name in hashes}
    config = {
        "pipelines": {
            PERSON: {"person": {"sample_fps": 5.0, "detector": "yolo"}},
            FACE: {"face": {"sample_fps": 5.0}},
        },
        "presets": dict.fromkeys(hashes, "fast"),
    }
    location = Path(video.path)
    job_id = job_id_for(video.video_id, hashes)
    return BatchJob(
        job_id,
        location,
        Path("/out"),
        config,
        video.video_id,
        JobStatus.PENDING,
        results,
        batch_id=RUN.batch_id,
    )
