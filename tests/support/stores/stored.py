"""A store with something of everything that a store may hold, for whatever moves, compares or removes it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from actors.stores import open_store
from schemas.pipelines import AUDIO, FACE, PERSON, SCENE
from schemas.storage.backend import Embeddings, Identity, StorageBackend
from schemas.work.attempt import Attempt, AttemptState
from schemas.work.job_event import Control
from tests.support.stores import people
from tests.support.stores.fake_rows import Rows
from tests.support.stores.fake_videos import RUN, Clip, broken, done

GARDEN, KITCHEN, EMPTY = (
    Clip("/clips/garden.mp4", "a"),
    Clip("/clips/küche 'süd'.mp4", "b"),
    Clip("/clips/empty.mp4", "c"),
)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOSTILE = "'; DROP TABLE jobs; -- \"\\ 😀 \u202eמימין\t\n 1e22 \\u0041"


def filled(url: str) -> str:
    """Fill the store at an address, which is returned."""
    with closing(open_store(url)) as store:
        fill(store)
    return url


def fill(store: StorageBackend) -> None:
    """Three videos: one complete in an older and a newer configuration, one in every state of work, one
    of which nothing was found.
    """
    epoch = store.open_run(RUN)
    _complete(store, epoch)
    _in_work(store, epoch)
    job = EMPTY.job(EMPTY.key(SCENE))
    store.register(epoch, [EMPTY.video], [job])
    store.finish(epoch, done(job, EMPTY.key(SCENE)))
    store.set_meta(epoch, "preset", HOSTILE)
    store.close_run(epoch, "completed")
    store.put_identities(
        [Identity("person_0001", GARDEN.video_id, "face_0001", "c2", "arcface", 0.1 + 0.2, 1.0)]
    )
    _told_apart(store)
    store.open_run(replace(RUN, batch_id="batch-2", pid=2**22 + 1))  # killed: it never says how it ended


def _complete(store: StorageBackend, epoch: int) -> None:
    older, newer = GARDEN.key(FACE, "c1"), GARDEN.key(FACE, "c2")
    jobs = [GARDEN.job(older, GARDEN.key(SCENE)), GARDEN.job(newer, GARDEN.key(SCENE))]
    store.register(epoch, [GARDEN.video, replace(GARDEN.video, path="/copies/garden.mp4")], jobs)
    store.commit_chunks(epoch, GARDEN.commits(GARDEN.key(SCENE), job=jobs[0]))
    store.finish(epoch, done(jobs[0], GARDEN.key(SCENE), GARDEN.scenes(GARDEN.key(SCENE), [40])))
    for job, key in zip(jobs, (older, newer), strict=True):
        store.finish(
            epoch,
            replace(
                done(job, key, _faces(key.config_hash), keep_runs=True), embeddings=_looks(key.config_hash)
            ),
        )


def _told_apart(store: StorageBackend) -> None:
    face = replace(people.reference(digest=HOSTILE), fingerprint=GARDEN.fingerprint, video_id=GARDEN.video_id)
    voice = people.reference("speaker_0001", "b", at_s=0.1 + 0.2)
    for references in ([face], [voice]):
        edit = people.named("p-anna", HOSTILE.strip(), *references)
        store.add_person_edit(edit, references, after=store.people().newest)
    store.add_person_edit(people.undo(edit), after=edit.edit_id)


def _faces(config_hash: str) -> list:
    return [
        replace(row, annotation_id=_id(row.annotation_id, config_hash), video_id=GARDEN.video_id)
        for row in (Rows(GARDEN.video_id, config_hash).face(frame, "face_0001") for frame in (0, 5, 10))
    ]


def _looks(config_hash: str) -> Embeddings:
    vectors = np.eye(3, 8, dtype=np.float32) * np.float32(1 / 3)
    return Embeddings(tuple(row.annotation_id for row in _faces(config_hash)), vectors, "arcface")


def _in_work(store: StorageBackend, epoch: int) -> None:
    persons, sound, scenes = KITCHEN.key(PERSON), KITCHEN.key(AUDIO), KITCHEN.key(SCENE)
    job = KITCHEN.job(persons, sound, scenes)
    store.register(epoch, [KITCHEN.video], [job])
    store.commit_chunks(
        epoch, [KITCHEN.commit(persons, 0, job=job), KITCHEN.commit(persons, 50, lost=(51,), job=job)]
    )
    said = replace(
        Rows(KITCHEN.video_id).speech(HOSTILE, 0.25, 1e22),
        annotation_id=_id("speech", "c1"),
        attributes={"text": HOSTILE, "n": 1e22, "z": 10**30},
    )
    store.finish(epoch, replace(broken(job, sound), annotations=(said,)))
    store.commit_chunks(epoch, KITCHEN.commits(scenes, job=job)[:1])
    store.finish(epoch, broken(job, scenes))
    tried = Attempt(
        f"{KITCHEN.video_id}[0,1)",
        KITCHEN.video_id,
        1,
        AttemptState.FAILED,
        "host:7",
        NOON,
        NOON,
        PERSON,
        "decoder",
        HOSTILE,
        "Trace\n",
    )
    store.record(epoch, [tried, replace(tried, number=2, state=AttemptState.LEASED)], '{"done": 1}')
    store.request([job.job_id], Control.PAUSE)


def _id(name: str, config_hash: str) -> str:
    from schemas.annotations.annotation import annotation_id

    return annotation_id(KITCHEN.video_id, FACE, config_hash, name, 0, 0)
