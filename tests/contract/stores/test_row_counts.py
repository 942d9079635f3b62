"""Every store counts the rows of a result by type, without giving them out."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from schemas.annotations.annotation import PERSON_DETECTION, PERSON_TRACK
from schemas.pipelines import PERSON
from schemas.storage.backend import Outcome, StorageBackend
from schemas.work.job import JobStatus
from tests.support.stores.fake_videos import RUN, Clip

CLIP = Clip()
KEY = CLIP.key(PERSON)


def test_rows_are_counted_by_type_with_the_sum_of_their_lengths(store: StorageBackend) -> None:
    epoch = store.open_run(RUN)
    store.register(epoch, [CLIP.video], [CLIP.job(KEY)])
    boxes = CLIP.boxes(KEY, 0, 3)
    tracks = [
        replace(
            row,
            annotation_id=str(uuid4()),
            annotation_type=PERSON_TRACK,
            timestamp_seconds=1.0,
            end_seconds=2.5,
        )
        for row in boxes[:2]
    ]
    store.finish(epoch, Outcome(KEY, CLIP.job(KEY).job_id, JobStatus.COMPLETED, (*boxes, *tracks)))
    found = store.row_counts([KEY, CLIP.key(PERSON, "other")], [PERSON_TRACK, PERSON_DETECTION])
    assert list(found) == [KEY], "a key without rows is left out"
    assert {kind: count.rows for kind, count in found[KEY].items()} == {
        PERSON_TRACK: 2,
        PERSON_DETECTION: len(boxes),
    }
    assert found[KEY][PERSON_TRACK].seconds == pytest.approx(3.0)
    assert list(store.row_counts([KEY], [PERSON_TRACK])[KEY]) == [PERSON_TRACK]
    assert store.row_counts([], [PERSON_TRACK]) == {}
