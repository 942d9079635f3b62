"""Boxes of a stretch: those of the whole result, read from the store for that stretch alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from actors.stores import open_store
from schemas.annotations.annotation import BBox
from schemas.errors import NotFound
from schemas.pipelines import PERSON, SCENE, of_human
from schemas.storage.backend import StorageBackend
from tests.support.stores.fake_videos import RUN, Clip, done
from vaengine.correcting.correction import correct_boxes
from vaengine.correcting.edits import BoxRedrawing, Stretch, TrackDeletion
from vaengine.correcting.history import revision_of
from vaengine.results.longest_span import LONGEST_SPAN_S
from vaengine.server.media.box_stretches import BoxStretches
from vaengine.server.media.boxes import BoxColumns
from vaengine.server.media.content import VideoContents, results_of_video

CLIP = Clip(frames=1000)
STEP = 5  # frames between two that the detector saw
STRETCHES = [(0, 50), (240, 260), (251, 252), (333, 477), (990, 1000), (995, 3000), (0, 1000), (2000, 2100)]
Seen = set[tuple[float, ...]]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StorageBackend]:
    with closing(open_store(f"sqlite:///{tmp_path}/batch_processing.db")) as opened:
        _fill(opened, {"pipelines": {PERSON: {"person": {"sample_fps": 25 / STEP}}}})
        yield opened


def _fill(store: StorageBackend, config: dict[str, Any]) -> None:
    scenes, persons = CLIP.key(SCENE), CLIP.key(PERSON)
    job = replace(CLIP.job(scenes, persons), config=config)
    epoch = store.open_run(RUN)
    store.register(epoch, [CLIP.video], [job])
    store.finish(epoch, done(job, scenes, CLIP.scenes(scenes, (252, 500))))
    boxes = [
        box
        for first in range(0, CLIP.frames, STEP)
        for box in CLIP.boxes(persons, first, 1, "person_0001", per_frame=1)
        if not 300 <= first < 400
    ]
    store.finish(epoch, done(job, persons, (*boxes, CLIP.track(persons, "person_0001"))))
    store.close_run(epoch, "done")


def _correct(store: StorageBackend, *edits: Any) -> None:
    found = results_of_video(store, CLIP.video_id, "corrected")
    correct_boxes(store, CLIP.video, edits, revision_of(found.pipelines.values()))


def _shown(columns: BoxColumns, first: int, stop: int) -> Seen:
    """All that is shown in these frames, however the columns are cut."""
    stop, times = min(stop, CLIP.frames), np.arange(CLIP.frames) / 25
    return {
        (frame, *columns.box[at], columns.time_s[at], columns.until_s[at])
        for frame in range(first, stop)
        for at, own in enumerate(columns.frame)
        if own <= frame and (own == frame or times[frame] < columns.until_s[at])
    }


def _by_whole(store: StorageBackend, first: int, stop: int) -> Seen:
    contents = VideoContents()
    contents.of(store, CLIP.video_id)
    return _shown(BoxStretches(contents).of(store, CLIP.video_id, "corrected", first, stop), first, stop)


def _by_stretch(store: StorageBackend, first: int, stop: int) -> Seen:
    columns = BoxStretches(VideoContents()).of(store, CLIP.video_id, "corrected", first, stop)
    return _shown(columns, first, stop)


@pytest.mark.parametrize(("first", "stop"), STRETCHES)
def test_a_stretch_shows_what_the_whole_result_shows_there(
    store: StorageBackend, first: int, stop: int
) -> None:
    assert _by_stretch(store, first, stop) == _by_whole(store, first, stop)


@pytest.mark.parametrize(("first", "stop"), STRETCHES)
def test_a_corrected_stretch_shows_what_the_whole_result_shows_there(
    store: StorageBackend, first: int, stop: int
) -> None:
    _correct(
        store,
        TrackDeletion("person", "person_0001", Stretch(248, 251)),
        BoxRedrawing("person", "person_0001", 333, BBox(1.0, 2.0, 30.0, 40.0)),
        BoxRedrawing("person", "person_0001", 470, BBox(5.0, 6.0, 30.0, 40.0)),
    )
    shown = _by_stretch(store, first, stop)
    assert shown == _by_whole(store, first, stop)
    assert any(row[1:5] == (1.0, 2.0, 30.0, 40.0) for row in shown) == (first <= 333 < stop)


def test_a_stretch_is_answered_without_reading_the_rest(
    store: StorageBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    _correct(store, TrackDeletion("person", "person_0001", Stretch(248, 251)))
    read: list[int] = []
    by_frames = store.each_annotation

    def counted(*asked: Any) -> Iterator[Any]:
        for row in by_frames(*asked):
            read.append(row.frame_number)
            yield row

    def whole(*_: Any) -> Any:
        raise AssertionError("the whole result is read")

    monkeypatch.setattr(store, "annotations", whole)
    monkeypatch.setattr(store, "each_annotation", counted)
    stretches = BoxStretches(VideoContents())
    for answered_by in ("machine", "corrected"):
        columns = stretches.of(store, CLIP.video_id, answered_by, 600, 650)  # type: ignore[arg-type]
        assert columns.frame
        assert 580 <= min(read) <= max(read) < 670
        read.clear()
        assert stretches.of(store, CLIP.video_id, answered_by, 600, 650) is columns  # type: ignore[arg-type]
        assert read == [], "it is kept"


def test_a_stretch_of_results_that_changed_is_read_anew(store: StorageBackend) -> None:
    stretches = BoxStretches(VideoContents())
    before = stretches.of(store, CLIP.video_id, "corrected", 0, 50)
    _correct(store, TrackDeletion("person", "person_0001", Stretch(0, 1000)))
    assert before.frame
    assert stretches.of(store, CLIP.video_id, "corrected", 0, 50).frame == []
    assert stretches.of(store, CLIP.video_id, "machine", 0, 50) == before


def test_where_nothing_says_how_far_boxes_reach_the_whole_result_is_read_once(tmp_path: Path) -> None:
    with closing(open_store(f"sqlite:///{tmp_path}/other.db")) as store:
        _fill(store, {})
        contents = VideoContents()
        columns = BoxStretches(contents).of(store, CLIP.video_id, "machine", 600, 650)
        found = results_of_video(store, CLIP.video_id, "machine")
        kept = contents.kept(found, "machine")
        assert kept is not None
        assert len(kept.rows) > len(columns.frame) > 0


def test_people_say_how_long_their_boxes_are_shown(store: StorageBackend) -> None:
    _correct(store, BoxRedrawing("person", "person_0001", 470, BBox(5.0, 6.0, 30.0, 40.0)))
    job = results_of_video(store, CLIP.video_id, "corrected").jobs[of_human(PERSON)]
    assert job.config[LONGEST_SPAN_S] == pytest.approx(STEP / 25)


def test_an_unknown_video_has_no_stretch(store: StorageBackend) -> None:
    with pytest.raises(NotFound):
        BoxStretches(VideoContents()).of(store, "unknown", "machine", 0, 50)
