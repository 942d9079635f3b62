from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from schemas.annotations.annotation import BBox
from schemas.errors import UsageError, WrongFrameRate, WrongVideo
from schemas.media.video import FrameIndex
from tests.support.stores.fake_rows import sound_alone
from tests.support.stores.fake_videos import Clip
from vaengine.importing.document import FrameBox, FrameCount, ImportedEvent, ImportedTrack, ImportedVideo
from vaengine.importing.frames import VideoFrames

VIDEO = Clip().video  # 100 frames at 25 a second, 640 x 360
VARIABLE = replace(
    VIDEO, index=FrameIndex(np.array([0, 512, 2048, 2560, 25600]), np.zeros(1, np.int64), True), end_pts=26112
)


def at(*frames: int, times_s: float | None = None, box: BBox | None = None) -> tuple[ImportedTrack, ...]:
    drawn = box or BBox(1, 2, 3, 4)
    return (ImportedTrack("1", "person", (tuple(FrameBox(n, drawn, time_s=times_s) for n in frames),)),)


def by_clock(fps: object, *frames: int) -> ImportedVideo:
    return ImportedVideo("v", tracks=at(*frames), counting=FrameCount("clock", Fraction(str(fps))))


def test_a_wrong_rate_is_refused_with_both() -> None:
    with pytest.raises(
        WrongFrameRate, match=r"29\.97 frames a second.* has 25.*frame 90 .* 3\.003 s.* 3\.600 s"
    ):
        VideoFrames("f", by_clock(29.97, 90), VIDEO)


def test_a_rate_that_is_nearly_right_is_refused_where_it_leads_to_another_frame() -> None:
    ntsc = replace(VIDEO, nominal_fps=Fraction(25), index=_even(2_000), end_pts=2_000 * 512)
    VideoFrames("f", by_clock(25.02, 100), ntsc)
    with pytest.raises(WrongFrameRate):
        VideoFrames("f", by_clock(25.02, 1_900), ntsc)


def _even(count: int) -> FrameIndex:
    return FrameIndex(np.arange(count, dtype=np.int64) * 512, np.zeros(1, np.int64), True)


def test_a_rate_that_a_person_gives_is_taken() -> None:
    frames = VideoFrames("f", by_clock(29.97, 5, 10), VIDEO, Fraction(5))
    assert [frames.frame_of(FrameBox(n, BBox(0, 0, 1, 1))) for n in (0, 5, 10)] == [0, 25, 50]


def test_a_clock_without_a_rate_asks_for_one() -> None:
    with pytest.raises(UsageError, match="give --fps, 25 if it is the video's"):
        VideoFrames("f", ImportedVideo("v", tracks=at(5), counting=FrameCount("clock")), VIDEO)


def test_frames_of_a_variable_rate_are_counted_by_decoding() -> None:
    frames = VideoFrames("f", ImportedVideo("v", tracks=at(0, 4)), VARIABLE)
    assert [frames.start_s(n) for n in range(5)] == [0.0, 0.04, 0.16, 0.2, 2.0]
    assert (frames.end_s(3), frames.end_s(4)) == (2.0, VARIABLE.duration_s)


def test_a_clock_means_the_frame_of_a_variable_rate_that_is_shown_then() -> None:
    frames = VideoFrames("f", by_clock(25, 1, 5), VARIABLE)
    assert [frames.frame_of(FrameBox(n, BBox(0, 0, 1, 1))) for n in (0, 1, 3, 5, 30)] == [0, 1, 1, 3, 3]


def test_times_of_frames_are_those_of_the_video() -> None:
    VideoFrames("f", ImportedVideo("v", tracks=at(50, times_s=2.01)), VIDEO)
    with pytest.raises(WrongFrameRate, match=r"counts 30 .* has 25"):
        VideoFrames("f", ImportedVideo("v", tracks=at(50, times_s=50 / 30)), VIDEO)


@pytest.mark.parametrize(
    ("imported", "what"),
    [
        (ImportedVideo("v", tracks=at(100)), "box in frame 100, and the video has 100 frames"),
        (ImportedVideo("v", counting=FrameCount(frames=101)), "counts 101 frames, and the video has 100"),
        (ImportedVideo("v", duration_s=60.0), r"for 60\.000 s, and the video has 4\.000 s"),
        (ImportedVideo("v", events=(ImportedEvent("x", 1.0, 9.0),)), r"from 1\.000 to 9\.000 s"),
        (ImportedVideo("v", tracks=at(1, box=BBox(700, 1, 5, 5))), "picture has 640 x 360"),
        (ImportedVideo("v", tracks=at(1), picture=(360, 640)), "without its rotation"),
    ],
)
def test_a_file_of_another_video_is_refused(imported: ImportedVideo, what: str) -> None:
    with pytest.raises(WrongVideo, match=what):
        VideoFrames("f", imported, VIDEO)


def test_boxes_in_a_file_of_sound_are_refused() -> None:
    with pytest.raises(WrongVideo, match="no pictures"):
        VideoFrames("f", ImportedVideo("v", tracks=at(1)), sound_alone())


def test_a_rotated_video_is_annotated_as_it_is_shown() -> None:
    upright = replace(VIDEO, width=360, height=640, rotation=90)
    frames = VideoFrames("f", ImportedVideo("v", tracks=at(1), picture=(360, 640)), upright)
    assert frames.box_of(BBox(1, 2, 3, 4)) == BBox(1, 2, 3, 4)


def test_boxes_of_a_smaller_picture_are_scaled_and_it_is_told() -> None:
    frames = VideoFrames("f", ImportedVideo("v", tracks=at(1), picture=(320, 180)), VIDEO)
    assert frames.box_of(BBox(1, 2, 3, 4)) == BBox(2, 4, 6, 8)
    assert list(frames.notes) == ["boxes were drawn in a picture of 320 x 180, and are scaled to 640 x 360"]
