"""Every store has one order for the events of all its jobs, and hands a submission to one engine."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from actors.stores import open_store
from actors.stores.files.documents.layout import FileLayout
from schemas.storage.backend import StorageBackend, VideoFacts
from schemas.work.job_event import Control
from tests.support.stores.fake_videos import RUN, Clip, done

GARDEN, STREET = Clip(), Clip("/clips/straße <b>.mp4", "b")


def _registered(store: StorageBackend, *clips: Clip) -> int:
    epoch = store.open_run(RUN)
    store.register(epoch, [clip.video for clip in clips], [clip.job() for clip in clips])
    return epoch


def test_events_of_all_jobs_have_one_order_and_are_read_in_pages(store: StorageBackend) -> None:
    epoch = _registered(store, GARDEN, STREET)
    for clip in (STREET, GARDEN):
        store.finish(epoch, done(clip.job(), clip.key(), clip.scenes(clip.key())))
    found = store.events_after(0, 100)
    assert [(one.event.name, one.event.job_id) for one in found[2:]] == [
        ("completed", STREET.job().job_id),
        ("completed", GARDEN.job().job_id),
    ]
    assert {one.event.name for one in found[:2]} == {"registered"}
    numbers = [one.number for one in found]
    assert numbers == sorted(set(numbers))
    assert store.newest_event() == numbers[-1]
    assert store.events_after(numbers[0], 2) == found[1:3]
    assert store.events_after(numbers[-1], 100) == []
    assert all(one.event.message is None and one.event.detail is None for one in found)


def test_an_empty_store_has_no_event(store: StorageBackend) -> None:
    assert (store.newest_event(), store.events_after(0, 10)) == (0, [])


def test_an_event_has_the_same_number_when_the_store_is_opened_again(store: StorageBackend, url: str) -> None:
    _registered(store, GARDEN)
    store.request([GARDEN.job().job_id], Control.PAUSE)
    with closing(open_store(url, read_only=True)) as again:
        assert again.events_after(0, 10) == store.events_after(0, 10)


def test_a_record_of_events_that_a_kill_cut_off_costs_no_other_event(tmp_path: Path) -> None:
    with closing(open_store(f"files:{tmp_path}")) as store:
        epoch = _registered(store, GARDEN)
        with FileLayout(tmp_path).events.open("ab") as file:
            file.write(b'["half of an eve')
        assert store.newest_event() == 1
        store.finish(epoch, done(GARDEN.job(), GARDEN.key()))
        assert [(one.number, one.event.name) for one in store.events_after(0, 10)] == [
            (1, "registered"),
            (3, "completed"),
        ]


def test_facts_of_all_videos_or_of_some_are_read_without_their_frames(store: StorageBackend) -> None:
    _registered(store, GARDEN, STREET)
    facts = {
        clip.video_id: VideoFacts(clip.video_id, clip.name, 1000, 4.0, 640, 360, "h264")
        for clip in (GARDEN, STREET)
    }
    assert store.video_facts() == facts
    assert store.video_facts([STREET.video_id, "unknown"]) == {STREET.video_id: facts[STREET.video_id]}


def test_a_submission_is_taken_by_one_of_two_who_want_it(store: StorageBackend, url: str) -> None:
    assert store.swap_submission("one", None, "waiting")
    assert not store.swap_submission("one", None, "another of the same id")
    with closing(open_store(url)) as other:
        assert other.swap_submission("one", "waiting", "taken by the other")
    assert not store.swap_submission("one", "waiting", "taken by this")
    assert store.submissions() == {"one": "taken by the other"}
    assert store.swap_submission("one", "taken by the other", None)
    assert store.submissions() == {}


@pytest.mark.parametrize("text", ['{"paths": ["/clips/ü <script>.mp4"]}'])
def test_a_submission_is_stored_as_it_is_and_no_setting_of_another_kind(
    store: StorageBackend, text: str
) -> None:
    store.save_query("one", "{}")
    assert store.swap_submission("one", None, text)
    assert (store.submissions(), store.saved_queries()) == ({"one": text}, {"one": "{}"})
