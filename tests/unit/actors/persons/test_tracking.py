"""Boxes become persons per scene, in order, and the same whenever it is done."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.persons.tracking import tracks
from schemas.pipelines import PERSON
from schemas.settings.settings import PersonSettings
from schemas.work.manifest import FrameNumbers
from vaengine.model_selection.presets import overlay

ME = PersonSettings()
LEFT, RIGHT = (20.0, 50.0, 60.0, 150.0), (300.0, 50.0, 340.0, 150.0)


def seen(per_frame, *, step=5, confidence=0.9):
    """Numbers of frames 0, step, 2 step, ...: each a list of boxes, or of (box, confidence)."""
    boxes = [[(box, confidence) if len(box) == 4 else box for box in frame] for frame in per_frame]
    sampled = np.arange(len(boxes)) * step
    return FrameNumbers(
        frame_numbers=np.arange(len(boxes) * step),
        frame_pts=np.arange(len(boxes) * step),
        scene_scores=np.zeros(len(boxes) * step),
        sampled=sampled,
        box_frames=np.repeat(sampled, [len(frame) for frame in boxes]),
        xyxy=np.array([box for frame in boxes for box, _ in frame], float).reshape(-1, 4),
        confidence=np.array([certainty for frame in boxes for _, certainty in frame], float),
    )


def moved(box, by):
    return (box[0] + by, box[1], box[2] + by, box[3])


def ids(per_frame, cuts=(), person=ME):
    return tracks(seen(per_frame), cuts, person, sample_fps=5.0).tolist()


def test_two_people_who_walk_are_two_tracks_from_their_first_box_to_their_last():
    assert ids([[moved(RIGHT, -3 * n), moved(LEFT, 3 * n)] for n in range(6)]) == [1, 2] * 6


def test_people_are_numbered_by_who_appears_first():
    assert ids([[], [RIGHT], [RIGHT], [LEFT, RIGHT], [LEFT, RIGHT]]) == [1, 1, 2, 1, 2, 1]


def test_a_track_that_is_confirmed_at_its_second_box_has_its_first_one_too():
    assert ids([[LEFT], [LEFT, RIGHT], [LEFT, RIGHT]]) == [1, 1, 2, 1, 2]


def test_a_box_seen_once_after_the_beginning_of_a_scene_is_nobody():
    assert ids([[LEFT], [LEFT, RIGHT], [LEFT], [LEFT]]) == [1, 1, 0, 1, 1]


def test_no_track_crosses_a_cut_even_where_a_person_stands_still():
    assert ids([[LEFT]] * 6, cuts=[15]) == [1, 1, 1, 2, 2, 2]
    assert ids([[LEFT]] * 6, cuts=[14]) == [1, 1, 1, 2, 2, 2]
    assert ids([[LEFT]] * 6, cuts=[1, 3, 29]) == [1, 2, 2, 2, 2, 2]


def test_a_person_who_is_missed_for_less_than_the_memory_keeps_the_number_and_for_longer_does_not():
    gap = [[LEFT]] * 3 + [[]] * 3 + [[LEFT]] * 3
    assert ids(gap) == [1] * 6
    assert ids(gap, person=PersonSettings(track_buffer_seconds=0.2)) == [1, 1, 1, 2, 2, 2]


def test_weak_boxes_go_on_with_a_track_but_do_not_begin_one():
    weak = [(LEFT, 0.15)]
    assert ids([weak] * 4) == [0] * 4
    assert ids([[LEFT], [LEFT], weak, [LEFT]]) == [1] * 4


@pytest.mark.parametrize("preset", ["fast", "balanced", "high-quality"])
def test_a_person_who_is_found_again_and_again_with_little_confidence_has_a_track(preset):
    values = {key.removeprefix("person."): value for key, value in overlay(preset, PERSON).items()}
    person = PersonSettings(**{key: value for key, value in values.items() if key.startswith("track")})
    assert ids([[(moved(LEFT, n), 0.47)] for n in range(33)], person=person) == [1] * 33
    assert ids([[(moved(LEFT, n), 0.3)] for n in range(33)], person=person) == [1] * 33


def test_nobody_at_all_is_an_answer():
    assert ids([]) == []
    assert ids([[]] * 5, cuts=[10]) == []


def test_numbers_begin_at_one_again_for_every_video():
    assert ids([[LEFT, RIGHT]] * 3) == ids([[LEFT, RIGHT]] * 3) == [1, 2] * 3


FRAMES = st.lists(
    st.lists(
        st.tuples(st.tuples(st.integers(0, 200), st.integers(0, 99)), st.sampled_from([0.12, 0.4, 0.9])),
        max_size=4,
    ).map(lambda boxes: [((x, y, x + 40, y + 90), certainty) for (x, y), certainty in boxes]),
    min_size=1,
    max_size=12,
)


@settings(deadline=None, max_examples=40)
@given(FRAMES, st.sets(st.integers(1, 59)))
def test_scenes_are_tracked_as_if_each_were_a_video_of_its_own(per_frame, cuts):
    numbers = seen(per_frame)
    whole = tracks(numbers, sorted(cuts), ME, 5.0)
    scene = np.searchsorted(sorted(cuts), numbers.box_frames, side="right")
    for number in set(scene.tolist()):
        mine = whole[scene == number]
        assert not set(mine[mine > 0].tolist()) & set(whole[(scene != number) & (whole > 0)].tolist())
    assert sorted(set(whole[whole > 0].tolist())) == list(range(1, whole.max(initial=0) + 1))
    assert tracks(numbers, sorted(cuts), ME, 5.0).tobytes() == whole.tobytes()


@settings(deadline=None, max_examples=40)
@given(FRAMES)
def test_a_track_has_one_box_a_frame_at_most(per_frame):
    numbers = seen(per_frame)
    given_to = tracks(numbers, [], ME, 5.0)
    pairs = [pair for pair in zip(numbers.box_frames.tolist(), given_to.tolist(), strict=True) if pair[1]]
    assert len(pairs) == len(set(pairs))


PHONES = """
import sys
sys.path.insert(0, {root!r})
from tests.unit.actors.persons.test_tracking import LEFT, ids
assert ids([[LEFT]] * 3) == [1, 1, 1]
from ultralytics.utils import AUTOINSTALL, ONLINE, SETTINGS_FILE
assert not ONLINE and not AUTOINSTALL
assert "vaengine-ultralytics" in str(SETTINGS_FILE)
"""


def test_the_tracker_asks_nobody_on_the_network_and_leaves_nothing_behind(offline, tmp_path, pytestconfig):
    home, temporary = tmp_path / "home", tmp_path / "temporary"
    home.mkdir()
    temporary.mkdir()
    environment = {
        **offline.environment,
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "TMPDIR": str(temporary),
    }
    script = PHONES.format(root=str(pytestconfig.rootpath))
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.fail(done.stderr)
    assert done.stdout == ""
    assert offline.guarded() == 1
    assert offline.attempts() == []
    assert list(home.rglob("*")) == []
    assert not [path for path in temporary.iterdir() if "ltralytics" in path.name]


def test_botsort_follows_people_too_and_never_over_a_cut():
    walk = [[moved(RIGHT, -3 * n), moved(LEFT, 3 * n)] for n in range(6)]
    bot = PersonSettings(tracker="botsort")
    assert ids(walk, person=bot) == [1, 2] * 6
    assert ids(walk, cuts=(15,), person=bot) == [1, 2] * 3 + [3, 4] * 3


@pytest.mark.parametrize(("reid", "expected"), [(False, [1, 2, 1, 2]), (True, [1, 2, 2, 1])])
def test_by_looks_two_people_who_change_places_keep_their_numbers(reid, expected):
    """Two people side by side whose boxes swap between two pictures: only their embeddings say who is who."""
    left, right = (20.0, 50.0, 80.0, 150.0), (40.0, 50.0, 100.0, 150.0)
    numbers = replace(
        seen([[left, right], [left, right]]),
        embeddings=np.array([[1, 0], [0, 1], [0, 1], [1, 0]], np.float32),
    )
    assert (
        tracks(numbers, (), PersonSettings(tracker="botsort", reid=reid), sample_fps=5.0).tolist() == expected
    )
