"""What was found in a video is counted once for each state of its results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from schemas.annotations.annotation import PERSON_DETECTION
from schemas.pipelines import PERSON
from schemas.storage.backend import StorageBackend
from schemas.work.chunk import WorkKey
from tests.support.stores.entries import video_entry
from vaengine.server.collection.entry import VideoEntry
from vaengine.server.collection.found_counts import FoundCountLog


class _Store:
    """Has no jobs, and notes whose it is asked for."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def jobs(self, *, job_ids: Sequence[str]) -> list[Any]:
        self.asked.append(list(job_ids))
        return []

    def row_counts(self, keys: Sequence[WorkKey], _kinds: Sequence[str]) -> dict[WorkKey, dict[str, int]]:
        return {key: {PERSON_DETECTION: 1} for key in keys}


def changed(entry: VideoEntry, **changes: Any) -> VideoEntry:
    return replace(entry, pipelines={PERSON: replace(entry.pipelines[PERSON], **changes)})


def test_the_store_is_asked_about_new_and_changed_videos_alone() -> None:
    store, log = _Store(), FoundCountLog()
    first, second = video_entry("a"), video_entry("b")
    for entries in ([first], [first, second], [second, first]):
        assert log.of(cast(StorageBackend, store), entries).keys() == {one.video_id for one in entries}
    assert len(store.asked) == 2
    log.of(cast(StorageBackend, store), [changed(first, completed_at=None), second])
    log.of(cast(StorageBackend, store), [first, changed(second, annotations=0)])
    assert len(store.asked) == 4


def test_what_was_asked_for_last_is_kept() -> None:
    store, log = _Store(), FoundCountLog(most=2)
    entries = [video_entry(name) for name in "abc"]
    for entry in entries:
        log.of(cast(StorageBackend, store), [entry])
    log.of(cast(StorageBackend, store), entries[1:])
    assert len(store.asked) == 3
    log.of(cast(StorageBackend, store), entries[:1])
    assert len(store.asked) == 4
