"""A store with videos, persons, faces and voices whose every row is known, for what removes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from schemas.annotations.annotation import (
    FACE_DETECTION,
    FACE_IDENTITY,
    PERSON_DETECTION,
    PERSON_TRACK,
    SPEAKER,
    SPEECH,
    Annotation,
    BBox,
    annotation_id,
    canonical_digest,
)
from schemas.pipelines import AUDIO, FACE, PERSON, SCENE
from schemas.storage.backend import Embeddings, Identity, Outcome, StorageBackend
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob, JobStatus
from tests.support.stores.fake_videos import RUN, Clip, done

AT = datetime(2026, 3, 1, tzinfo=UTC)
FRAMES = 10
WORDS = "whatthatpersonsaid"


def row(key: WorkKey, kind: str, frame: int, ordinal: int = 0, **values: object) -> Annotation:
    new_id = annotation_id(key.video_id, key.pipeline, key.config_hash, kind, frame, ordinal)
    return Annotation(
        new_id, key.video_id, key.pipeline, key.config_hash, kind, frame / 25, None, frame, **values
    )  # type: ignore[arg-type]


def persons(key: WorkKey, count: int = 3) -> list[Annotation]:
    """Persons 1 to `count`, a box in each frame and a track each."""
    boxes = [
        row(
            key,
            PERSON_DETECTION,
            frame,
            n,
            person_id=f"person_{n:04d}",
            bbox=BBox(10.0 * n, 0.0, 8.0, 20.0),
            confidence=0.5,
        )
        for frame in range(FRAMES)
        for n in range(1, count + 1)
    ]
    tracks = [
        replace(row(key, PERSON_TRACK, 0, n, person_id=f"person_{n:04d}"), end_seconds=1.0)
        for n in range(1, count + 1)
    ]
    return [*boxes, *tracks]


def faces(key: WorkKey) -> list[Annotation]:
    """Face 1 is person 2's in all frames but one, in which it was taken for person 1's; face 2 is person
    1's; person 3 shows none.
    """
    found = [
        row(
            key,
            FACE_DETECTION,
            frame,
            n,
            face_id=f"face_{n:04d}",
            person_id=f"person_{person:04d}",
            bbox=BBox(1.0 * n, 0.0, 2.0, 2.0),
        )
        for frame in range(FRAMES)
        for n, person in ((1, 1 if frame == 3 else 2), (2, 1))
    ]
    told = {1: ["person_0001", "person_0002"], 2: ["person_0001"]}
    people = [
        replace(
            row(
                key,
                FACE_IDENTITY,
                0,
                n,
                face_id=f"face_{n:04d}",
                person_id=told[n][-1],
                attributes={"persons": told[n]},
            ),
            end_seconds=1.0,
        )
        for n in (1, 2)
    ]
    return [*found, *people]


def voices(key: WorkKey) -> list[Annotation]:
    return [
        replace(row(key, kind, n, 0, speaker_id=f"speaker_{n:04d}", attributes=told), end_seconds=1.0)
        for n in (1, 2)
        for kind, told in ((SPEAKER, {}), (SPEECH, {"text": f"{WORDS} {n}", "language": "en"}))
    ]


def embedded(rows: Sequence[Annotation]) -> Embeddings:
    vectors = np.eye(64, dtype=np.float32)[np.arange(len(rows)) % 64]
    return Embeddings(tuple(one.annotation_id for one in rows), vectors, "pack@1")


ROWS = {SCENE: lambda key: list(Clip().scenes(key)), PERSON: persons, FACE: faces, AUDIO: voices}


def rows_of(clip: Clip, key: WorkKey) -> list[Annotation]:
    return list(clip.scenes(key)) if key.pipeline == SCENE else ROWS[key.pipeline](key)


def outcome_of(clip: Clip, job: BatchJob, key: WorkKey, *, keep_runs: bool = False) -> Outcome:
    rows = rows_of(clip, key)
    made = done(job, key, rows, keep_runs=keep_runs)
    return replace(made, embeddings=embedded(rows)) if key.pipeline == FACE else made


def kept(
    store: StorageBackend,
    clip: Clip,
    *keys: WorkKey,
    days: float = 0.0,
    out: Path | None = None,
    batch_id: str = "batch-1",
    keep_runs: bool = False,
    failed: bool = False,
) -> BatchJob:
    """A job with complete results (or one that failed) that ended so many days before `AT`, by a run that
    is over.
    """
    at = AT - timedelta(days=days)
    job = replace(
        clip.job(*keys, batch_id=batch_id),
        created_at=at,
        **({"output_dir": out / clip.video_id} if out else {}),
    )
    epoch = store.open_run(replace(RUN, batch_id=batch_id, inputs=(clip.name, "/clips/other.mp4")))
    store.register(epoch, [clip.video], [job])
    for key in keys:
        if failed:
            store.commit_chunks(epoch, clip.commits(key, job=job)[:2])
            store.finish(
                epoch,
                Outcome(
                    key,
                    job.job_id,
                    JobStatus.FAILED,
                    error_message=f"{clip.name}: broken",
                    failure_kind="model",
                ),
            )
        else:
            store.finish(epoch, outcome_of(clip, job, key, keep_runs=keep_runs))
    store.close_run(epoch, "completed")
    ended = replace(store.load_job_metadata(job.job_id), completed_at=at)
    store.save_job_metadata(ended)
    return store.load_job_metadata(job.job_id)


def identify(store: StorageBackend, *members: tuple[str, Clip, str]) -> None:
    """Have these faces be these identities of the collection."""
    store.put_identities(
        [Identity(name, clip.video_id, face, "c1", "pack@1", 0.9, 0.0) for name, clip, face in members]
    )


def others(store: StorageBackend, *clips: Clip) -> str:
    """Canonical digest of everything that is not of these videos."""
    own = {clip.video_id for clip in clips}
    jobs = {job.job_id for job in store.jobs() if job.video_id in own}
    gone = {one for clip in clips for name in ROWS for one in _ids(store, clip.key(name))}
    rows = [
        told
        for told in store.canonical_rows()
        if told.get("annotation", {}).get("video_id") not in own
        and told.get("job") not in jobs
        and told.get("embedding") not in gone
    ]
    return canonical_digest(rows)


def _ids(store: StorageBackend, key: WorkKey) -> list[str]:
    found = store.embeddings(key)
    return list(found.annotation_ids) if found else []


def consistent(store: StorageBackend) -> bool:
    """Whether every complete result has the count and the digest of the rows that are there."""
    for job in store.jobs():
        for name, result in job.pipeline_results.items():
            if result.status is JobStatus.COMPLETED:
                data = store.load_annotations(job.job_id, name)
                if (result.annotation_count, result.digest) != (len(data), canonical_digest(data)):
                    return False
    return True


def holding(folder: Path, *texts: str) -> set[str]:
    """Those of the texts that any file below holds."""
    contents = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    return {text for text in texts if any(text.encode() in content for content in contents)}
