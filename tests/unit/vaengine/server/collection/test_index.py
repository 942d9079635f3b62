"""The collection in memory follows the store."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import pytest

from schemas.work.job import JobStatus
from tests.support.stores.entries import video_entry
from tests.support.stores.fake_videos import Clip, done
from tests.support.stores.served import DONE, FAILED, PENDING, filled_store, keys_of
from vaengine.server.collection import index as index_module
from vaengine.server.collection.entry import VideoEntry
from vaengine.server.collection.index import CollectionIndex, Snapshot


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def _states(snapshot: Snapshot) -> dict[str, str]:
    return {video_id: video.status for video_id, video in snapshot.videos.items()}


@pytest.mark.parametrize("url", ["sqlite:///{}/s.db", "files:{}"])
def test_the_collection_follows_what_happens_and_reads_no_more_than_that(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    with filled_store(url.format(tmp_path)) as store:
        index = CollectionIndex(lambda: store, clock)
        first = index.current()
        assert _states(first) == {
            DONE.video_id: "completed",
            FAILED.video_id: "failed",
            PENDING.video_id: "pending",
        }
        assert index.current() is index.recent() is first  # half a second is not over
        made = first.once("names", lambda videos: [video.name for video in videos])
        clock.now += 1
        assert index.recent() is None
        assert index.current().videos is first.videos  # nothing has happened
        assert index.current().once("names", lambda _: []) is made
        monkeypatch.setattr(store, "jobs_of", lambda ids, real=store.jobs_of: real(_only(ids, PENDING)))
        epoch = store.batches()[0].epoch
        for key in keys_of(PENDING):
            store.finish(epoch, done(PENDING.job(*keys_of(PENDING)), key))
        assert index.current().videos is first.videos
        clock.now += 1
        assert _states(index.current())[PENDING.video_id] == "completed"
        assert _states(first)[PENDING.video_id] == "pending"  # a snapshot never changes


def _only(video_ids: list[str], clip: Clip) -> list[str]:
    assert video_ids == [clip.video_id]
    return video_ids


def test_work_that_begins_is_seen_though_no_event_says_it(tmp_path: Path) -> None:
    clock = Clock()
    with filled_store(f"sqlite:///{tmp_path}/s.db") as store:
        index = CollectionIndex(lambda: store, clock)
        index.current()
        [job] = store.jobs_of([PENDING.video_id])
        store.mark(store.batches()[0].epoch, job.job_id, list(job.pipeline_results), JobStatus.RUNNING)
        clock.now += 1
        assert _states(index.current())[PENDING.video_id] == "running"


def test_a_video_that_is_forgotten_is_gone_a_minute_later(tmp_path: Path) -> None:
    clock = Clock()
    with filled_store(f"sqlite:///{tmp_path}/s.db") as store:
        index = CollectionIndex(lambda: store, clock)
        index.current()
        store.close_run(store.batches()[0].epoch, "completed")
        store.forget_video(DONE.video_id)
        clock.now += index_module.RELOAD_S + 1
        assert DONE.video_id not in index.current().videos


def test_what_is_made_of_a_snapshot_is_made_once_and_anew_for_the_next_one() -> None:
    snapshot = Snapshot({"a": video_entry("a")}, (), 1, 1)
    asked: list[int] = []

    def count(videos: Collection[VideoEntry]) -> int:
        asked.append(len(videos))
        return len(videos)

    assert [snapshot.once("count", count) for _ in range(2)] == [1, 1]
    later = replace(snapshot, videos={})
    assert later.once("count", count) == 0
    assert asked == [1, 0]
