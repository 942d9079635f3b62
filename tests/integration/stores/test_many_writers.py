"""Eight processes that write 40,000 records each at once: into PostgreSQL each by itself, into SQLite
through the one actor that writes.
"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import distinct, func, select

from actors.coordination.store_client import StoreActor, store_client
from actors.stores import open_store
from actors.stores.database.backend import DatabaseStorageBackend
from cluster.session import Session
from schemas.annotations.annotation import canonical_digest
from schemas.pipelines import PERSON
from schemas.settings.settings import RecoverySettings
from schemas.storage import tables
from schemas.storage.backend import StorageBackend
from schemas.work.job import JobStatus
from schemas.work.retry import RetryPolicy
from tests.support.servers import postgres
from tests.support.stores.fake_videos import RUN, Clip, done

WRITERS, RECORDS, PER_FRAME, CHUNK = 8, 40_000, 2, 1_000
CLIPS = [
    Clip(f"/clips/{number}.mp4", "01234567"[number], frames=RECORDS // PER_FRAME) for number in range(WRITERS)
]

pytestmark = [pytest.mark.long, pytest.mark.timeout(280)]


def write(store: StorageBackend, clip: Clip) -> None:
    """A run of its own on a clip of its own, chunk by chunk."""
    key = clip.key(PERSON)
    epoch = store.open_run(replace(RUN, batch_id=clip.name, host=clip.name))
    store.register(epoch, [clip.video], [clip.job(key)])
    for first in range(0, clip.frames, CHUNK):
        store.commit_chunks(epoch, [clip.commit(key, first, CHUNK)])
    store.finish(epoch, done(clip.job(key), key, None))
    store.close_run(epoch, "completed")


def write_alone(url: str, number: int) -> None:
    with closing(open_store(url)) as store:
        write(store, CLIPS[number])


def everything_is_there_once(url: str) -> None:
    with closing(open_store(url, read_only=True)) as store:
        assert isinstance(store, DatabaseStorageBackend)
        rows = tables.annotations.c
        counted = select(
            rows.video_id,
            func.count(),
            func.count(distinct(rows.annotation_id)),
            func.count(distinct(rows.frame_number)),
        )
        with store._db.read() as connection:
            found = {row[0]: tuple(row[1:]) for row in connection.execute(counted.group_by(rows.video_id))}
        assert found == {clip.video_id: (RECORDS, RECORDS, RECORDS // PER_FRAME) for clip in CLIPS}
        for job, clip in zip(sorted(store.jobs(), key=lambda job: job.video_path), CLIPS, strict=True):
            result = job.pipeline_results[PERSON]
            boxes = clip.boxes(clip.key(PERSON), 0, clip.frames, per_frame=PER_FRAME)
            assert (job.status, result.annotation_count) == (JobStatus.COMPLETED, RECORDS)
            assert result.digest == canonical_digest(row.to_data() for row in boxes)


def test_eight_processes_write_into_postgresql_and_nothing_is_lost_or_doubled() -> None:
    url = postgres.fresh_database()
    open_store(url).close()
    with ProcessPoolExecutor(WRITERS, multiprocessing.get_context("forkserver")) as pool:
        for future in [pool.submit(write_alone, url, number) for number in range(WRITERS)]:
            future.result()
    everything_is_there_once(url)


def test_eight_processes_write_into_sqlite_through_one_actor_and_nothing_is_lost_or_doubled(
    ray_session: Session, tmp_path: Path
) -> None:
    import ray

    url = f"sqlite:///{tmp_path}/many.db"
    actor = ray.remote(StoreActor).options(num_cpus=0).remote(url, RetryPolicy.of(RecoverySettings()))

    def through_the_actor(actor: object, number: int) -> None:
        write(store_client(actor, url), CLIPS[number])

    task = ray.remote(through_the_actor).options(num_cpus=0)
    ray.get([task.remote(actor, number) for number in range(WRITERS)])
    ray.kill(actor)
    everything_is_there_once(url)
