"""Boxes between sampled frames lie on straight lines, and nowhere else."""

from __future__ import annotations

from itertools import pairwise

import pytest

from schemas.annotations.annotation import PERSON_DETECTION
from tests.support.stores.exported import Filmed, video
from vaengine.exporting.values.frame_rows import INTERPOLATED, FrameRows, box_of, by_frame, with_boxes_between
from vaengine.results.presence_intervals import Cut, PresenceSampling


def frames_of(film: Filmed, sampling: PresenceSampling) -> list[FrameRows]:
    rows = sorted(film.rows, key=lambda row: row.frame_number or 0)
    return list(with_boxes_between(by_frame(rows), {PERSON_DETECTION: sampling}, film.time_s))


def test_every_frame_between_two_boxes_has_one_on_the_line() -> None:
    film = Filmed(video("walk.mp4", "a"))
    for frame in (0, 5, 10):
        film.box(PERSON_DETECTION, frame, "person_0001", (10.0 * frame, 0.0, 10.0, 20.0))
    found = frames_of(film, PresenceSampling(5.0))
    assert [own.frame for own in found] == list(range(11))
    assert [box_of(own.rows[0]).x for own in found] == pytest.approx([10.0 * n for n in range(11)])
    marked = [INTERPOLATED in own.rows[0].attributes for own in found]
    assert marked == [frame % 5 != 0 for frame in range(11)]
    assert all(own.rows[0].confidence is None for own in found if own.frame % 5)
    assert len({row.annotation_id for own in found for row in own.rows}) == 11


def test_nobody_is_drawn_over_a_cut_or_over_a_long_absence() -> None:
    film = Filmed(video("away.mp4", "a"))
    for frame in (0, 5, 40, 45):
        film.box(PERSON_DETECTION, frame, "person_0001", (float(frame), 0.0, 10.0, 20.0))
    cut = PresenceSampling(5.0, (Cut(0, 0.0), Cut(43, 43 / 25)))
    assert [own.frame for own in frames_of(film, cut)] == [0, 1, 2, 3, 4, 5, 40, 45]


def test_a_person_who_is_missed_once_is_joined_and_frames_stay_in_order() -> None:
    film = Filmed(video("missed.mp4", "a"))
    for frame in range(0, 50, 5):
        film.box(PERSON_DETECTION, frame, "person_0001", (0.0, 0.0, 10.0, 20.0))
        if frame != 20:
            film.box(PERSON_DETECTION, frame, "person_0002", (float(frame), 0.0, 10.0, 20.0))
    found = frames_of(film, PresenceSampling(5.0))
    assert all(a.frame < b.frame for a, b in pairwise(found))
    assert [own.frame for own in found] == list(range(46))
    assert all(len(own.rows) == 2 for own in found)
    assert next(row.bbox.x for row in found[20].rows if row.person_id == "person_0002" and row.bbox) == 20.0


def test_a_box_in_no_track_stays_alone() -> None:
    film = Filmed(video("alone.mp4", "a"))
    for frame in (0, 5):
        film.box(PERSON_DETECTION, frame, None, (0.0, 0.0, 10.0, 20.0))
    assert [own.frame for own in frames_of(film, PresenceSampling(5.0))] == [0, 5]
