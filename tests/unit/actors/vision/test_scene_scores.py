"""Scene scores can be computed anywhere in any pieces, and cuts come from them alone."""

from __future__ import annotations

import itertools
import subprocess
import sys
from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.finalize.timeline import scene_ranges
from actors.vision.scene_scores import ContentScorer, cuts, downscaled
from schemas.settings.settings import SceneSettings
from tests.support.media import clips

TWENTY_FIVE = Fraction(25)
DETECTORS = ("content", "adaptive")


def scores_of(pictures):
    scorer = ContentScorer()
    return [scorer.score(picture) for picture in pictures]


def cuts_of(scores, *, numbers=None, pts=None, time_base=Fraction(1, 25), **chosen):
    count = len(scores)
    return cuts(
        np.asarray(scores, float),
        np.arange(count) if numbers is None else np.asarray(numbers),
        np.arange(count) if pts is None else np.asarray(pts),
        time_base=time_base,
        fps=TWENTY_FIVE,
        settings=SceneSettings(**chosen),
    )


def with_peaks(count, *peaks):
    scores = np.full(count, 2.0)
    scores[list(peaks)] = 80.0
    return scores


PICTURES = [np.random.default_rng(number).integers(0, 256, (216, 384, 3), np.uint8) for number in range(12)]
SEQUENTIAL = scores_of(PICTURES)


@settings(deadline=None, max_examples=20)
@given(st.sets(st.integers(1, len(PICTURES) - 1)))
def test_chunks_that_begin_with_one_overlap_frame_score_bit_for_bit_as_one_sequence(borders):
    scored = []
    for first, stop in itertools.pairwise([0, *sorted(borders), len(PICTURES)]):
        overlap = min(first, 1)
        scored += scores_of(PICTURES[first - overlap : stop])[overlap:]
    assert scored == SEQUENTIAL


def test_the_first_picture_scores_zero_and_an_equal_one_too():
    assert scores_of([PICTURES[0], PICTURES[0], PICTURES[1]])[:2] == [0.0, 0.0]
    assert SEQUENTIAL[1] > 10


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [(1080, 1920, (144, 256)), (120, 160, (120, 160)), (640, 360, (256, 144))],
)
def test_pictures_are_compared_at_256_pixels_on_the_longer_side_and_smaller_ones_as_they_are(
    height, width, expected
):
    assert downscaled(np.zeros((height, width, 3), np.uint8)).shape[:2] == expected


@pytest.mark.parametrize("detector", DETECTORS)
def test_a_rendered_clip_is_cut_exactly_where_it_was_made_to_be(clip_folder, detector):
    clip = clips.with_cuts(clip_folder)
    with av.open(str(clip.path)) as container:
        frames = [(frame.pts, frame.to_ndarray(format="bgr24")) for frame in container.decode(video=0)]
        time_base = Fraction(container.streams.video[0].time_base)
    scores = scores_of(picture for _, picture in frames)
    assert (
        tuple(cuts_of(scores, pts=[pts for pts, _ in frames], time_base=time_base, detector=detector))
        == clip.cuts
    )


@pytest.mark.parametrize("detector", DETECTORS)
def test_a_lone_peak_is_a_cut_at_its_own_frame(detector):
    assert cuts_of(with_peaks(60, 30), detector=detector) == [30]


def test_a_score_at_the_threshold_cuts_and_one_below_does_not():
    assert cuts_of(with_peaks(60, 30), threshold=80.0) == [30]
    assert cuts_of(with_peaks(60, 30), threshold=80.1) == []


def test_a_scene_shorter_than_the_least_length_is_merged_and_the_next_one_is_kept():
    assert cuts_of(with_peaks(120, 30, 40, 90)) == [30, 90]
    assert cuts_of(with_peaks(120, 30, 40, 90), min_scene_frames=5) == [30, 40, 90]


def test_cuts_are_frame_numbers_also_where_frames_before_them_are_lost():
    numbers = np.delete(np.arange(60), [3, 4, 28])
    assert cuts_of(np.delete(with_peaks(60, 30), [3, 4, 28]), numbers=numbers, pts=numbers) == [30]


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.sampled_from([0.0, 5.0, 30.0, 90.0]), min_size=1, max_size=120),
    st.integers(-10_000, 10_000),
    st.sampled_from(DETECTORS),
)
def test_cuts_do_not_depend_on_where_time_begins_and_are_at_least_the_least_length_apart(
    scores, origin, detector
):
    found = cuts_of(scores, detector=detector)
    ticks = np.arange(len(scores)) * 3600 + origin
    assert cuts_of(scores, pts=ticks, time_base=Fraction(1, 90_000), detector=detector) == found
    assert all(later - earlier >= 15 for earlier, later in itertools.pairwise(found))


def test_no_frames_have_no_cuts_and_no_scenes():
    assert cuts_of([]) == []
    assert scene_ranges([], 0) == []


@given(st.lists(st.integers(-5, 60)), st.integers(1, 50))
def test_scenes_cover_every_frame_once_and_begin_at_the_cuts(found, n_frames):
    scenes = scene_ranges(found, n_frames)
    assert [frame for first, stop in scenes for frame in range(first, stop)] == list(range(n_frames))
    assert {first for first, _ in scenes} == {0} | {cut for cut in found if 0 < cut < n_frames}


def test_nobody_imports_the_library_of_scenes_who_looks_for_none() -> None:
    program = (
        "import sys; import actors.stages.chunk_reader, actors.finalize.person_rows;"
        "print('scenedetect' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"
