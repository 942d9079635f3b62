"""Every store hands the rows of a result over one after the other, by frame."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

from schemas.annotations.annotation import PERSON_DETECTION, PERSON_TRACK, Annotation
from schemas.annotations.coco import frame_order
from schemas.pipelines import PERSON
from schemas.storage.backend import Outcome, StorageBackend
from schemas.work.job import JobStatus
from tests.support.stores.fake_videos import RUN, Clip

CLIP = Clip()
KEY = CLIP.key(PERSON)


def test_rows_of_the_types_asked_for_come_by_frame_time_and_id(store: StorageBackend) -> None:
    boxes = CLIP.boxes(KEY, 0, 40, per_frame=3)
    timeless = replace(CLIP.track(KEY, "person_0001"), frame_number=None)
    epoch = store.open_run(RUN)
    store.register(epoch, [CLIP.video], [CLIP.job(KEY)])
    rows = (*reversed(boxes), timeless)
    store.finish(epoch, Outcome(KEY, CLIP.job(KEY).job_id, JobStatus.COMPLETED, rows))

    assert list(store.each_annotation(KEY, [PERSON_DETECTION])) == sorted(boxes, key=frame_order)
    together = list(store.each_annotation(KEY, [PERSON_DETECTION, PERSON_TRACK]))
    assert together[0] == timeless, "a row without a frame comes first"
    assert len(together) == 121
    assert list(store.each_annotation(KEY, [])) == []
    assert list(store.each_annotation(CLIP.key(PERSON, "other"), [PERSON_DETECTION])) == []


def test_of_some_frames_only_their_rows_come(store: StorageBackend) -> None:
    boxes = CLIP.boxes(KEY, 0, 40, per_frame=3)
    timeless = replace(CLIP.track(KEY, "person_0001"), frame_number=None)
    epoch = store.open_run(RUN)
    store.register(epoch, [CLIP.video], [CLIP.job(KEY)])
    store.finish(epoch, Outcome(KEY, CLIP.job(KEY).job_id, JobStatus.COMPLETED, (*boxes, timeless)))

    def of(frames: range) -> list[Annotation]:
        return list(store.each_annotation(KEY, [PERSON_DETECTION, PERSON_TRACK], frames))

    wanted = [row for row in boxes if row.frame_number in range(10, 12)]
    assert of(range(10, 12)) == sorted(wanted, key=frame_order)
    assert (len(wanted), of(range(10, 10)), of(range(50, 90))) == (6, [], [])


def test_whoever_stops_reading_holds_up_nobody(store: StorageBackend) -> None:
    epoch = store.open_run(RUN)
    store.register(epoch, [CLIP.video], [CLIP.job(KEY)])
    outcome = Outcome(KEY, CLIP.job(KEY).job_id, JobStatus.COMPLETED, CLIP.boxes(KEY, 0, 40))
    store.finish(epoch, outcome)
    rows = store.each_annotation(KEY, [PERSON_DETECTION])
    assert len(list(islice(rows, 3))) == 3
    store.set_meta(epoch, "preset", "fast")
    assert store.meta("preset") == "fast"
    assert len(list(rows)) == len(outcome.annotations or ()) - 3
