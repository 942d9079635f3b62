"""Final rows follow from stored numbers alone."""

from __future__ import annotations

import itertools
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.finalize.person_rows import associate, pose, provisional
from schemas.annotations.annotation import PERSON_DETECTION, PERSON_TRACK, SCENE_TYPE, canonical_digest
from schemas.media.video import FrameIndex, Video
from schemas.pipelines import AUDIO, PERSON, SCENE
from schemas.settings.settings import Settings
from schemas.work.chunk import WorkKey
from schemas.work.manifest import FrameNumbers

WHOLE = Settings()
STEP = 3600  # ticks of 1/90000 s a frame: 25 frames a second
ORIGIN = 126_000  # the clip starts at 1.4 s of its container's clock
HERE, THERE = (20.0, 50.0, 60.0, 150.0), (300.5, 50.0, 340.0, 150.0)


def key_of(pipeline):
    return WorkKey("clip-12345678", pipeline, "0123456789abcdef")


def video_of(pts, *, exact=True, end=None):
    pts = np.asarray(pts, np.int64)
    return Video(
        video_id="clip-12345678",
        fingerprint="12345678" * 8,
        path="/clips/clip.ts",
        size_bytes=1,
        mtime_ns=1,
        container="mpegts",
        codec="h264",
        stream_index=0,
        time_base=Fraction(1, 90_000),
        start_pts=int(pts[0]),
        end_pts=int(pts[-1]) + STEP if end is None else end,
        width=640,
        height=360,
        rotation=0,
        nominal_fps=Fraction(25),
        index=FrameIndex(pts, np.zeros(1, np.int64), exact),
    )


def steady(count):
    return ORIGIN + np.arange(count) * STEP


def numbers_of(pts, *, cuts=(), lost=(), boxes=None):
    """Numbers of a video's frames but the lost ones; `boxes` by frame number, those frames and every
    fifth are sampled.
    """
    boxes = boxes or {}
    decoded = np.array([frame for frame in range(len(pts)) if frame not in lost], np.int64)
    sampled = np.array(sorted({*boxes, *range(0, len(pts), 5)} - set(lost)), np.int64)
    per_frame = [boxes.get(int(frame), []) for frame in sampled]
    return FrameNumbers(
        frame_numbers=decoded,
        frame_pts=np.asarray(pts)[decoded],
        scene_scores=np.array([80.0 if following in cuts else 1.0 for following in [*decoded[1:], -1]]),
        sampled=sampled,
        box_frames=np.repeat(sampled, [len(found) for found in per_frame]),
        xyxy=np.array([box for found in per_frame for box in found], float).reshape(-1, 4),
        confidence=np.full(sum(map(len, per_frame)), 0.875),
    )


def rows_of(video, numbers, pipeline, kind=None):
    return [
        row
        for row in associate(video, numbers, WHOLE, key_of(pipeline))
        if kind in (None, row.annotation_type)
    ]


def test_scenes_follow_each_other_without_gaps_from_the_first_frame_to_the_end():
    scenes = rows_of(video_of(steady(100)), numbers_of(steady(100), cuts=(40, 75)), SCENE)
    assert [(row.timestamp_seconds, row.end_seconds) for row in scenes] == [
        (0.0, 1.6),
        (1.6, 3.0),
        (3.0, 4.0),
    ]
    assert [row.scene_id for row in scenes] == ["scene_0001", "scene_0002", "scene_0003"]
    assert [
        (row.frame_number, row.attributes["frame_start"], row.attributes["frame_end"]) for row in scenes
    ] == [
        (0, 0, 40),
        (40, 40, 75),
        (75, 75, 100),
    ]
    assert {row.annotation_type for row in scenes} == {SCENE_TYPE}


def test_a_video_without_a_cut_is_one_scene():
    (scene,) = rows_of(video_of(steady(50)), numbers_of(steady(50)), SCENE)
    assert (scene.timestamp_seconds, scene.end_seconds, scene.attributes["duration_seconds"]) == (
        0.0,
        2.0,
        2.0,
    )


def test_lost_frames_leave_no_gap_between_scenes_and_no_cut_off_end():
    scenes = rows_of(video_of(steady(100)), numbers_of(steady(100), cuts=(40,), lost=(0, 39, 98, 99)), SCENE)
    assert [(row.frame_number, row.timestamp_seconds, row.end_seconds) for row in scenes] == [
        (0, 0.0, 1.6),
        (40, 1.6, 4.0),
    ]


def test_seconds_come_from_presentation_times_where_the_rate_varies():
    pts = ORIGIN + np.concatenate([np.arange(40) * STEP, 40 * STEP + np.arange(40) * 2 * STEP])
    scenes = rows_of(video_of(pts, end=int(pts[-1]) + 2 * STEP), numbers_of(pts, cuts=(60,)), SCENE)
    assert [(row.frame_number, row.timestamp_seconds, row.end_seconds) for row in scenes] == [
        (0, 0.0, 3.2),
        (60, 3.2, 4.8),
    ]


def test_where_the_index_is_not_exact_frames_and_times_are_what_was_decoded():
    estimated = video_of(steady(10), exact=False)
    scenes = rows_of(estimated, numbers_of(steady(60), cuts=(30,)), SCENE)
    assert [(row.frame_number, row.timestamp_seconds, row.end_seconds) for row in scenes] == [
        (0, 0.0, 1.2),
        (30, 1.2, 2.4),
    ]
    assert rows_of(estimated, FrameNumbers.none(), SCENE) == []


WALK = {frame: [HERE, THERE] for frame in range(0, 50, 5)}


def test_every_box_is_a_row_with_its_own_coordinates_and_its_person():
    boxes = rows_of(video_of(steady(50)), numbers_of(steady(50), boxes=WALK), PERSON, PERSON_DETECTION)
    assert len(boxes) == 20
    assert [row.person_id for row in boxes[:2]] == ["person_0001", "person_0002"]
    assert (boxes[3].frame_number, boxes[3].timestamp_seconds, boxes[3].end_seconds) == (5, 0.2, None)
    box = boxes[3].bbox
    assert (box.x, box.y, box.width, box.height, boxes[3].confidence) == (300.5, 50.0, 39.5, 100.0, 0.875)
    assert len({row.annotation_id for row in boxes}) == 20


def test_a_track_lasts_from_its_first_box_to_the_end_of_the_frame_of_its_last():
    boxes = {frame: [HERE] for frame in range(10, 31, 5)}
    (track,) = rows_of(video_of(steady(50)), numbers_of(steady(50), boxes=boxes), PERSON, PERSON_TRACK)
    assert (track.person_id, track.frame_number, track.timestamp_seconds, track.end_seconds) == (
        "person_0001",
        10,
        0.4,
        1.24,
    )
    assert (track.confidence, track.scene_id, track.attributes) == (
        0.875,
        "scene_0001",
        {"boxes": 5, "frame_start": 10, "frame_end": 31},
    )


def test_a_track_in_the_last_frame_ends_with_the_video():
    boxes = {frame: [HERE] for frame in (40, 45, 49)}
    (track,) = rows_of(video_of(steady(50)), numbers_of(steady(50), boxes=boxes), PERSON, PERSON_TRACK)
    assert track.end_seconds == 2.0


def test_tracks_and_boxes_belong_to_the_scene_they_are_in_and_none_crosses_a_cut():
    tracks = rows_of(
        video_of(steady(100)),
        numbers_of(steady(100), cuts=(52,), boxes={n: [HERE] for n in range(0, 100, 5)}),
        PERSON,
        PERSON_TRACK,
    )
    assert [(row.person_id, row.scene_id) for row in tracks] == [
        ("person_0001", "scene_0001"),
        ("person_0002", "scene_0002"),
    ]
    assert [row.attributes["boxes"] for row in tracks] == [11, 9]


def test_a_box_in_no_track_is_kept_without_a_person():
    boxes = {**{n: [HERE] for n in range(0, 50, 5)}, 20: [HERE, THERE]}
    rows = rows_of(video_of(steady(50)), numbers_of(steady(50), boxes=boxes), PERSON, PERSON_DETECTION)
    assert [row.person_id for row in rows].count(None) == 1


def test_no_boxes_at_all_is_an_empty_result():
    assert rows_of(video_of(steady(50)), numbers_of(steady(50)), PERSON) == []
    assert provisional(numbers_of(steady(50)), key_of(PERSON), video_of(steady(50))) == ()


def test_another_pipeline_is_refused():
    with pytest.raises(ValueError, match=AUDIO):
        associate(video_of(steady(5)), numbers_of(steady(5)), WHOLE, key_of(AUDIO))


def piece(numbers, first, stop):
    """The numbers of frames [first, stop)."""
    frames, boxes = [
        (column >= first) & (column < stop) for column in (numbers.frame_numbers, numbers.box_frames)
    ]
    return FrameNumbers(
        numbers.frame_numbers[frames],
        numbers.frame_pts[frames],
        numbers.scene_scores[frames],
        numbers.sampled[(numbers.sampled >= first) & (numbers.sampled < stop)],
        numbers.box_frames[boxes],
        numbers.xyxy[boxes],
        numbers.confidence[boxes],
    )


@settings(deadline=None, max_examples=25)
@given(st.sets(st.integers(1, 59)), st.sets(st.integers(0, 59), max_size=12))
def test_chunks_and_their_provisional_rows_lead_to_the_same_rows_wherever_the_video_is_cut_up(borders, busy):
    video, numbers = (
        video_of(steady(60)),
        numbers_of(steady(60), cuts=(30,), boxes={n: [HERE, THERE] for n in busy}),
    )
    pieces = [piece(numbers, first, stop) for first, stop in itertools.pairwise([0, *sorted(borders), 60])]
    early = [row for part in pieces for row in provisional(part, key_of(PERSON), video)]
    final = rows_of(video, numbers, PERSON, PERSON_DETECTION)
    same = ("annotation_id", "frame_number", "timestamp_seconds", "bbox", "confidence")
    assert [[getattr(row, name) for name in same] for row in early] == [
        [getattr(row, name) for name in same] for row in final
    ]
    for pipeline in (SCENE, PERSON):
        joined = rows_of(video, FrameNumbers.joined(pieces), pipeline)
        assert canonical_digest(row.to_data() for row in joined) == canonical_digest(
            row.to_data() for row in rows_of(video, numbers, pipeline)
        )


def test_a_track_ends_at_a_jump_that_begins_no_scene():
    """Two people before one wall: too alike for a scene, and the picture changes at once all the same."""
    video, boxes = video_of(steady(60)), {frame: [HERE] for frame in range(0, 60, 5)}
    numbers = numbers_of(steady(60), boxes=boxes)
    numbers.scene_scores[29] = 12.0  # of frame 29 against frame 30; 1.0 everywhere else
    found = associate(video, numbers, WHOLE, key_of(PERSON))
    tracks = [row for row in found if row.annotation_type == PERSON_TRACK]
    assert [(row.attributes["frame_start"], row.attributes["frame_end"]) for row in tracks] == [
        (0, 26),
        (30, 56),
    ]
    assert {row.scene_id for row in found} == {"scene_0001"}


@pytest.mark.parametrize(("score", "tracks"), [(9.0, 1), (12.0, 2)])
def test_small_changes_and_steady_motion_end_no_track(score, tracks):
    video, boxes = video_of(steady(60)), {frame: [HERE] for frame in range(0, 60, 5)}
    numbers = numbers_of(steady(60), boxes=boxes)
    numbers.scene_scores[29] = score
    moving = replace(numbers, scene_scores=numbers.scene_scores + 10.0)
    for those, expected in ((numbers, tracks), (moving, 1)):
        found = associate(video, those, WHOLE, key_of(PERSON))
        assert sum(row.annotation_type == PERSON_TRACK for row in found) == expected


def test_where_there_are_no_cuts_by_setting_tracks_go_on_and_belong_to_no_scene():
    settings = WHOLE.model_copy(update={"person": WHOLE.person.model_copy(update={"reset_at_cuts": False})})
    video, boxes = video_of(steady(60)), {frame: [HERE] for frame in range(0, 60, 5)}
    found = associate(video, numbers_of(steady(60), cuts=(30,), boxes=boxes), settings, key_of(PERSON))
    assert sum(row.annotation_type == PERSON_TRACK for row in found) == 1
    assert {row.scene_id for row in found} == {None}


@given(st.lists(st.tuples(st.floats(0, 500), st.floats(0, 500), st.floats(0, 1)), min_size=17, max_size=17))
def test_a_pose_is_in_coco_form(points):
    found = pose(np.array(points))
    flat = np.array(found["keypoints"], float).reshape(17, 3)
    assert found["num_keypoints"] == (flat[:, 2] > 0).sum()
    assert found["keypoint_scores"] == [score for _, _, score in points]
    for (x, y, score), (stored_x, stored_y, visible) in zip(points, flat, strict=True):
        assert visible == (2 if score >= 0.5 else 1 if score >= 0.1 else 0)
        assert (stored_x, stored_y) == ((x, y) if visible else (0, 0))
