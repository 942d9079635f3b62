"""Stretches without a picture are told where there should be none."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.container import completeness
from actors.container.completeness import hole_note
from actors.decoding import audio_decoder
from actors.finalize.results import picture_verdict
from actors.probing import audio_probe, probe
from schemas.media.frames import Ints
from schemas.media.video import FrameIndex, Video
from schemas.settings.settings import Settings
from schemas.work.manifest import FrameNumbers
from tests.support.runs import planned


def recorded(pts: Ints, container: str = "mpegts") -> Video:
    clip = planned.video(4, 1)
    index = FrameIndex(pts, np.zeros(1, np.int64), exact=True)
    return replace(
        clip,
        container=container,
        time_base=Fraction(1, 25),
        start_pts=int(pts[0]),
        end_pts=int(pts[-1]) + 1,
        index=index,
    )


@given(st.integers(8, 60), st.integers(8, 60), st.integers(2, 100_000))
def test_a_hole_of_any_length_is_told(before: int, after: int, ticks: int) -> None:
    pts = np.concatenate([np.arange(before), before - 1 + ticks + np.arange(after)])
    note = hole_note(recorded(pts), pts)
    assert (
        note == f"{(ticks - 1) / 25:.2f} s are without pictures: {before / 25:.2f} s to "
        f"{(before - 1 + ticks) / 25:.2f} s"
    )


@pytest.mark.parametrize("container", ["mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"])
def test_elsewhere_than_in_broadcast_streams_a_picture_may_be_shown_for_long(container: str) -> None:
    pts = np.array([*range(20), *range(1000, 1020)])
    assert hole_note(recorded(pts, container), pts) is None


def test_a_rate_that_varies_has_no_holes() -> None:
    pts = np.cumsum([1, 3, 2, 1, 7] * 10)
    assert hole_note(recorded(pts), pts) is None


def test_no_more_holes_are_listed_than_can_be_read() -> None:
    pts = np.concatenate([100 * n + np.arange(40) for n in range(30)])
    assert str(hole_note(recorded(pts), pts)).count(" to ") == 10


def test_what_a_video_has_to_say_of_itself_is_said_with_its_result() -> None:
    pts = np.arange(30)
    clip = replace(recorded(pts), notes=("track 0 left out",), file_notes=("the file is truncated",))
    numbers = replace(FrameNumbers.none(), frame_numbers=pts, frame_pts=pts, scene_scores=np.zeros(30))
    assert picture_verdict(clip, [], numbers, Settings()).warning == "the file is truncated; track 0 left out"


def test_pictures_and_sound_agree_on_what_is_a_loss() -> None:
    assert audio_decoder.UNBROKEN is completeness.UNBROKEN
    assert audio_probe.MIN_GAP_S is completeness.MIN_GAP_S
    assert probe.MIN_GAP_S is completeness.MIN_GAP_S
