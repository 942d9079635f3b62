"""A video's name is the same anywhere, safe everywhere, and its facts cannot contradict each other."""

import re
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.media.video import MAX_STEM_LENGTH, FrameIndex, Video, safe_stem, video_id_for

FINGERPRINT = "0123456789abcdef" * 4


def video(**changed: Any) -> Video:
    facts: dict[str, Any] = {
        "video_id": "clip-01234567",
        "fingerprint": FINGERPRINT,
        "path": "/clip.mp4",
        "size_bytes": 1000,
        "mtime_ns": 1,
        "container": "mp4",
        "codec": "h264",
        "stream_index": 0,
        "time_base": Fraction(1, 12800),
        "start_pts": 512,
        "end_pts": 512 + 12800,
        "width": 64,
        "height": 48,
        "rotation": 0,
        "nominal_fps": Fraction(25),
        "index": FrameIndex(np.arange(25) * 512 + 512, np.array([0]), exact=True, missing=2),
    }
    return Video(**{**facts, **changed})


@pytest.mark.parametrize(
    ("path", "video_id"),
    [
        ("/a/b/clip.mp4", "clip-01234567"),
        ("/elsewhere/clip.mkv", "clip-01234567"),
        ("name with spaces – ünïcode 'quote.mp4", "name_with_spaces_unicode_quote-01234567"),
        ("/a/日本.mp4", "video-01234567"),
        ("/a/..hidden..mp4", "hidden-01234567"),
        ("/a/" + "x" * 300 + ".mp4", "x" * MAX_STEM_LENGTH + "-01234567"),
    ],
)
def test_a_video_is_named_by_its_stem_and_its_content(path: str, video_id: str) -> None:
    assert video_id_for(path, FINGERPRINT) == video_id


def test_a_name_that_is_taken_by_another_content_grows_to_sixteen_digits() -> None:
    assert video_id_for("clip.mp4", FINGERPRINT, digits=16) == "clip-0123456789abcdef"


@given(st.text(min_size=1))
def test_any_file_name_gives_a_stem_that_is_safe_as_a_folder(name: str) -> None:
    stem = safe_stem(f"/folder/{name}.mp4")
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", stem)
    assert stem not in (".", "..")


def test_seconds_count_from_the_first_frame_and_missing_frames_are_promised_ones() -> None:
    assert video().time_s(512) == 0.0
    assert video().duration_s == 1.0
    assert video().frame_count == 27


@pytest.mark.parametrize(
    "wrong", [{"rotation": 45}, {"width": 0}, {"end_pts": 512}, {"time_base": Fraction(0)}]
)
def test_impossible_facts_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"rotation|impossible"):
        video(**wrong)


def test_an_exact_index_increases() -> None:
    with pytest.raises(ValueError, match="increase"):
        FrameIndex(np.array([0, 2, 2]), np.array([0]), exact=True)
    assert len(FrameIndex(np.array([0, 2, 2]), np.array([0]), exact=False)) == 3
