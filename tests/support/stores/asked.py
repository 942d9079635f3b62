"""Made-up collections for queries: videos whose every row is known, in any store."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

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
)
from schemas.pipelines import AUDIO, FACE, PERSON, SCENE
from schemas.storage.backend import Outcome
from schemas.work.chunk import WorkKey
from schemas.work.job import JobStatus
from tests.support.stores.fake_videos import RUN, Clip

PIPELINES = {
    SCENE_TYPE: SCENE,
    PERSON_TRACK: PERSON,
    PERSON_DETECTION: PERSON,
    FACE_DETECTION: FACE,
    FACE_IDENTITY: FACE,
    **dict.fromkeys((AUDIO_EVENT, SPEECH, WORD, SPEAKER, VOICE_ACTIVITY, LOUDNESS), AUDIO),
}


@dataclass
class Filmed:
    """One video with the rows that a test gives it, and the pipelines that are complete."""

    name: str
    content: str
    analysed: Sequence[str] = (SCENE, PERSON, FACE, AUDIO)
    config_hash: str = "c1"
    rows: list[Annotation] = field(default_factory=list)

    @property
    def clip(self) -> Clip:
        return Clip(f"/clips/{self.name}.mp4", self.content, 1000)  # 40 s, 640 x 360

    def add(self, kind: str, start_s: float, end_s: float | None = None, **facts: object) -> Annotation:
        """A row with the next id."""
        pipeline = PIPELINES[kind]
        key = (self.clip.video_id, pipeline, self.config_hash)
        name = annotation_id(*key, kind, 0, len(self.rows))
        row = Annotation(name, *key, kind, start_s, end_s, 0, **facts)  # type: ignore[arg-type]
        self.rows.append(row)
        return row

    def scene(self, start_s: float, end_s: float, **facts: object) -> Annotation:
        return self.add(SCENE_TYPE, start_s, end_s, scene_id=f"scene_{len(self.rows):04d}", **facts)

    def track(self, person: str, start_s: float, end_s: float, **facts: object) -> Annotation:
        return self.add(PERSON_TRACK, start_s, end_s, person_id=person, **facts)

    def face(self, at_s: float, box: tuple[float, float, float, float], **facts: object) -> Annotation:
        return self.add(FACE_DETECTION, at_s, None, bbox=BBox(*box), **facts)

    def identity(self, face: str, start_s: float, end_s: float, *persons: str) -> Annotation:
        attributes = {"persons": list(persons)}
        return self.add(FACE_IDENTITY, start_s, end_s, face_id=face, attributes=attributes)

    def sound(self, label: str, start_s: float, end_s: float, **facts: object) -> Annotation:
        return self.add(AUDIO_EVENT, start_s, end_s, attributes={"label": label}, **facts)

    def speech(self, text: str, start_s: float, end_s: float, speaker: str | None = None) -> Annotation:
        return self.add(SPEECH, start_s, end_s, speaker_id=speaker, attributes={"text": text})

    def word(self, word: str, start_s: float, end_s: float) -> Annotation:
        return self.add(WORD, start_s, end_s, attributes={"word": word})

    def loudness(self, start_s: float, dbfs: float) -> Annotation:
        return self.add(LOUDNESS, start_s, start_s + 1, attributes={"rms_dbfs": dbfs, "peak_dbfs": dbfs + 6})


def filmed(url: str, videos: Sequence[Filmed]) -> str:
    """A store that has complete results of these videos; its address."""
    with closing(open_store(url)) as store:
        epoch = store.open_run(RUN)
        for video in videos:
            keys = [WorkKey(video.clip.video_id, name, video.config_hash) for name in video.analysed]
            job = video.clip.job(*keys)
            store.register(epoch, [video.clip.video], [job])
            for key in keys:
                rows = tuple(row for row in video.rows if row.pipeline == key.pipeline)
                outcome = Outcome(key, job.job_id, JobStatus.COMPLETED, rows, keep_runs=True)
                store.finish(epoch, outcome)
        store.close_run(epoch, "completed")
    return url


def again(video: Filmed, config_hash: str) -> Filmed:
    """The same video without rows, to be analysed in another configuration."""
    return replace(video, config_hash=config_hash, rows=[])
