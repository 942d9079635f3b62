"""Chunks check themselves, and the numbers that are kept of them survive storage bit for bit."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.media.frames import Ints
from schemas.work.chunk import ChunkSpec, WorkKey
from schemas.work.manifest import FrameNumbers


def spec(**changed: Any) -> ChunkSpec:
    facts: dict[str, Any] = {
        "video_id": "clip-0011aabb",
        "path": "/clip.mp4",
        "stream_index": 0,
        "time_base": Fraction(1, 25),
        "origin_pts": 0,
        "rotation": 0,
        "width": 64,
        "height": 48,
        "first_frame": 10,
        "frame_count": 3,
        "start_pts": 10,
        "end_pts": 13,
        "seek_pts": 0,
        "pts": np.array([9, 10, 11, 12]),
        "before": 1,
        "keys": (),
        "samplings": (),
    }
    return ChunkSpec(**{**facts, **changed})


@st.composite
def numbers(draw: st.DrawFn) -> FrameNumbers:
    frames, sampled, boxes = draw(st.integers(0, 40)), draw(st.integers(0, 10)), draw(st.integers(0, 15))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))

    def ints(size: int) -> Ints:
        return random.integers(0, 2**60, size)

    return FrameNumbers(
        ints(frames),
        ints(frames),
        random.normal(size=frames),
        ints(sampled),
        ints(boxes),
        random.normal(size=(boxes, 4)),
        random.random(boxes),
    )


@given(numbers())
def test_numbers_come_back_from_bytes_bit_for_bit(kept: FrameNumbers) -> None:
    back = FrameNumbers.from_bytes(kept.to_bytes())
    assert back.checksum() == kept.checksum()
    assert back.to_bytes() == kept.to_bytes()


@given(st.lists(numbers(), max_size=4))
def test_joining_joined_pieces_gives_what_joining_all_at_once_gives(pieces: list[FrameNumbers]) -> None:
    for cut in range(len(pieces) + 1):
        halves = [FrameNumbers.joined(pieces[:cut]), FrameNumbers.joined(pieces[cut:])]
        assert FrameNumbers.joined(halves).checksum() == FrameNumbers.joined(pieces).checksum()


@given(numbers())
def test_nothing_joined_to_something_changes_nothing(kept: FrameNumbers) -> None:
    assert FrameNumbers.joined([FrameNumbers.none(), kept, FrameNumbers.none()]).to_bytes() == kept.to_bytes()


def test_a_changed_score_changes_the_checksum() -> None:
    assert _scored(0.0).checksum() != _scored(1e-300).checksum()


def _scored(score: float) -> FrameNumbers:
    none = FrameNumbers.none()
    return FrameNumbers(
        np.array([0]),
        np.array([0]),
        np.array([score]),
        none.sampled,
        none.box_frames,
        none.xyxy,
        none.confidence,
    )


def test_a_chunk_is_named_by_its_stretch_and_by_what_it_is_for_and_knows_its_length() -> None:
    for_scenes = spec(keys=(WorkKey("clip-0011aabb", "scene_detection", "a"),))
    assert spec().chunk_id.startswith("clip-0011aabb[10,13)~")
    assert for_scenes.chunk_id.startswith("clip-0011aabb[10,13)~")
    assert for_scenes.chunk_id != spec().chunk_id
    assert spec().duration_s == pytest.approx(0.12)


@pytest.mark.parametrize(
    "wrong", [{"frame_count": 0}, {"end_pts": 10}, {"pts": np.array([10, 11, 12])}, {"before": 0}]
)
def test_a_chunk_that_contradicts_itself_cannot_be_made(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"frames"):
        spec(**wrong)
