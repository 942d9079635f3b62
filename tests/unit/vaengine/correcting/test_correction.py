"""Corrections of boxes in a real store: people's rows beside the machine's, undone one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from actors.stores import open_store
from schemas.annotations.annotation import PERSON_DETECTION, PERSON_TRACK, Annotation, BBox
from schemas.errors import NotFound, ResultsChanged, UsageError
from schemas.pipelines import FACE, PERSON, AnsweredBy, of_human
from schemas.storage.backend import StorageBackend
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob
from tests.support.stores.fake_videos import RUN, Clip, done
from vaengine.comparing.comparison import compare
from vaengine.correcting.correction import correct_boxes, undo_correction
from vaengine.correcting.edits import BoxEdit, BoxRedrawing, LooseBoxEdit, Stretch, TrackDeletion
from vaengine.correcting.history import corrections_among, revision_of
from vaengine.results.lookup import corrected_videos, newest_results, results_of
from vaengine.timeline.presence import Presence

CLIP = Clip()  # 25 frames a second
HUMAN = of_human(PERSON)
KEY = CLIP.key(PERSON)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StorageBackend]:
    """Two persons in frames 0 to 9, and a box of nobody in frame 20."""
    with closing(open_store(f"sqlite:///{tmp_path}/batch_processing.db")) as opened:
        epoch = opened.open_run(RUN)
        job = CLIP.job(KEY)
        opened.register(epoch, [CLIP.video], [job])
        opened.finish(epoch, done(job, KEY, (*_track(1), *_track(2), *CLIP.boxes(KEY, 20, 1, per_frame=1))))
        opened.close_run(epoch, "done")
        yield opened


def _track(number: int) -> list[Annotation]:
    """A person in frames 0 to 9, at x of their number times 100, who moves down."""
    label = f"person_000{number}"
    boxes = (
        replace(
            box,
            annotation_id=f"{label} {box.frame_number}",
            bbox=BBox(100.0 * number, box.frame_number or 0.0, 50.0, 100.0),
        )
        for box in CLIP.boxes(KEY, 0, 10, label, per_frame=1)
    )
    return [*boxes, replace(CLIP.track(KEY, label), annotation_id=label)]


def _revision(store: StorageBackend) -> str:
    found = newest_results(store.jobs_of([CLIP.video_id]), "corrected").values()
    return revision_of(result for _, result in found)


def _correct(store: StorageBackend, *edits: BoxEdit, annotator: str = "") -> BatchJob:
    return correct_boxes(store, CLIP.video, edits, _revision(store), annotator)


def _shown(store: StorageBackend, frame: int) -> dict[str | None, float]:
    """Left edges of the boxes that answer, by label."""
    [(_, result)] = newest_results(store.jobs_of([CLIP.video_id]), "corrected").values()
    rows = store.annotations(WorkKey(CLIP.video_id, result.pipeline, result.config_hash))
    return {one.identity: one.xyxy[0] for one in Presence.of(rows).at(frame, frame / 25.0)}


def test_a_deletion_is_of_one_person_and_its_frames_and_the_machine_keeps_its_rows(
    store: StorageBackend,
) -> None:
    before = store.annotations(KEY)
    _correct(store, TrackDeletion("person", "person_0001", Stretch(3, 5)))
    assert [sorted(map(str, _shown(store, frame))) for frame in (2, 3, 4, 5)] == [
        ["person_0001", "person_0002"],
        ["person_0002"],
        ["person_0002"],
        ["person_0001", "person_0002"],
    ]
    assert store.annotations(KEY) == before


def test_a_box_that_is_drawn_is_where_it_was_drawn_and_says_so(store: StorageBackend) -> None:
    job = _correct(store, BoxRedrawing("person", "person_0002", 4, BBox(300.5, 20.25, 40.0, 80.0)))
    [(_, result)] = newest_results([job_of(store, job)], "human").values()
    rows = store.annotations(WorkKey(CLIP.video_id, HUMAN, result.config_hash))
    [drawn] = [row for row in rows if row.attributes.get("redrawn")]
    assert (drawn.person_id, drawn.frame_number, drawn.bbox) == (
        "person_0002",
        4,
        BBox(300.5, 20.25, 40.0, 80.0),
    )
    assert drawn.confidence is None
    assert len(rows) == len(store.annotations(KEY))


def test_a_track_that_is_drawn_anew_moves_as_a_whole(store: StorageBackend) -> None:
    _correct(store, BoxRedrawing("person", "person_0001", 4, BBox(110.0, 4.0, 50.0, 100.0), Stretch(0, 100)))
    assert [_shown(store, frame)["person_0001"] for frame in range(10)] == [110.0] * 10
    assert [_shown(store, frame)["person_0002"] for frame in range(10)] == [200.0] * 10


def test_a_track_without_boxes_is_no_track(store: StorageBackend) -> None:
    job = _correct(store, TrackDeletion("person", "person_0001", Stretch(0, 100)))
    rows = store.annotations(WorkKey(CLIP.video_id, HUMAN, hash_of(job)))
    assert {row.person_id for row in rows if row.annotation_type == PERSON_TRACK} == {"person_0002"}
    shorter = _correct(store, TrackDeletion("person", "person_0002", Stretch(5, 100)))
    [track] = [
        row
        for row in store.annotations(WorkKey(CLIP.video_id, HUMAN, hash_of(shorter)))
        if row.annotation_type == PERSON_TRACK
    ]
    assert (track.timestamp_seconds, track.end_seconds) == (0.0, 5 / 25)


def test_a_box_of_nobody_is_found_by_its_place(store: StorageBackend) -> None:
    [loose] = [row for row in store.annotations(KEY) if row.frame_number == 20]
    assert loose.bbox is not None
    with pytest.raises(NotFound, match="a box of nobody"):
        _correct(store, LooseBoxEdit("person", 20, BBox(0.0, 0.0, 5.0, 5.0)))
    _correct(store, LooseBoxEdit("person", 20, loose.bbox, BBox(400.0, 1.0, 5.0, 5.0)))
    assert _shown(store, 20) == {None: 400.0}
    _correct(store, LooseBoxEdit("person", 20, BBox(400.0, 1.0, 5.0, 5.0)))
    assert _shown(store, 20) == {}


def test_corrections_are_undone_from_the_newest_to_the_first(store: StorageBackend) -> None:
    states = [_shown(store, 4)]
    for x in (300.0, 310.0, 320.0):
        _correct(store, BoxRedrawing("person", "person_0001", 4, BBox(x, 4.0, 50.0, 100.0)))
        states.append(_shown(store, 4))
    for expected in states[-2::-1]:
        undo_correction(store, CLIP.video, _revision(store))
        assert _shown(store, 4) == expected
    with pytest.raises(UsageError, match="no correction of boxes is left"):
        undo_correction(store, CLIP.video, _revision(store))
    made = corrections_among(store.jobs_of([CLIP.video_id]))
    assert [bool(one.facts.undoes) for one in made] == [True] * 3 + [False] * 3
    assert [one.is_current for one in made] == [True] + [False] * 5


def test_an_undo_after_an_undo_and_another_correction_goes_back_by_one(store: StorageBackend) -> None:
    _correct(store, BoxRedrawing("person", "person_0001", 4, BBox(300.0, 4.0, 50.0, 100.0)))
    _correct(store, BoxRedrawing("person", "person_0001", 4, BBox(310.0, 4.0, 50.0, 100.0)))
    undo_correction(store, CLIP.video, _revision(store))
    _correct(store, TrackDeletion("person", "person_0002", Stretch(0, 100)))
    undo_correction(store, CLIP.video, _revision(store))
    assert _shown(store, 4) == {"person_0001": 300.0, "person_0002": 200.0}
    undo_correction(store, CLIP.video, _revision(store))
    assert _shown(store, 4) == {"person_0001": 100.0, "person_0002": 200.0}


def test_a_correction_of_results_that_have_changed_is_refused_and_stores_nothing(
    store: StorageBackend,
) -> None:
    seen = _revision(store)
    _correct(store, TrackDeletion("person", "person_0001", Stretch(0, 1)))
    jobs = len(store.jobs_of([CLIP.video_id]))
    with pytest.raises(ResultsChanged, match="have changed meanwhile"):
        correct_boxes(store, CLIP.video, [TrackDeletion("person", "person_0002", Stretch(0, 1))], seen)
    with pytest.raises(ResultsChanged):
        undo_correction(store, CLIP.video, seen)
    assert len(store.jobs_of([CLIP.video_id])) == jobs


def test_edits_are_carried_out_all_or_none(store: StorageBackend) -> None:
    for wrong in (
        TrackDeletion("person", "person_0009", Stretch(0, 1)),
        TrackDeletion("person", "person_0001", Stretch(50, 60)),
    ):
        with pytest.raises(NotFound):
            _correct(store, TrackDeletion("person", "person_0001", Stretch(0, 1)), wrong)
    with pytest.raises(NotFound, match=FACE):
        _correct(store, TrackDeletion("face", "face_0001", Stretch(0, 1)))
    assert corrections_among(store.jobs_of([CLIP.video_id])) == []


def test_what_was_corrected_can_be_compared_with_the_machine(store: StorageBackend) -> None:
    _correct(store, TrackDeletion("person", "person_0001", Stretch(5, 100)), annotator="Anna")
    [boxes] = [line for line in compare(store, a="human:Anna").total if line.kind == PERSON_DETECTION]
    assert boxes.boxes is not None
    assert (boxes.boxes.matched, boxes.boxes.boxes_a, boxes.boxes.boxes_b) == (16, 16, 21)


def job_of(store: StorageBackend, job: BatchJob) -> BatchJob:
    return next(one for one in store.jobs_of([CLIP.video_id]) if one.job_id == job.job_id)


def hash_of(job: BatchJob) -> str:
    return next(iter(job.pipeline_results.values())).config_hash


def test_results_are_those_of_whoever_is_asked_for(store: StorageBackend) -> None:
    assert corrected_videos(store, [CLIP.video_id]) == set()
    _correct(store, TrackDeletion("person", "person_0001", Stretch(0, 10)))
    assert corrected_videos(store, [CLIP.video_id]) == {CLIP.video_id}
    shown = {
        source: {row.person_id for row in results_of(store, CLIP.video_id, source).annotations}
        for source in get_args(AnsweredBy)
    }
    assert shown["machine"] == {"person_0001", "person_0002", None}
    assert shown["corrected"] == shown["human"] == {"person_0002", None}
