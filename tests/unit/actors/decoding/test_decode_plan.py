"""The plan of a chunk's decoding reaches every wanted frame from its own keyframe and goes by the
shortest way.
"""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from actors.container.stream_reader import DecodeRange
from actors.decoding.decode_plan import SEEK_FRAMES, decode_ranges

MOMENTS = st.integers(1, 400)


def pts_of(frames: int) -> np.ndarray:
    return 1000 + 40 * np.arange(frames)


@st.composite
def chunks(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, int | None]:
    frames = draw(MOMENTS)
    wanted = np.zeros(frames, bool)
    wanted[sorted(draw(st.sets(st.integers(0, frames - 1), max_size=20)))] = True
    pts = pts_of(frames)
    keyframes = pts[sorted(draw(st.sets(st.integers(0, frames - 1), max_size=20)))]
    return pts, wanted, keyframes, draw(st.sampled_from([None, 1000, 200]))


@given(chunks())
def test_every_wanted_frame_belongs_to_one_run_in_order(
    chunk: tuple[np.ndarray, np.ndarray, np.ndarray, int | None],
) -> None:
    pts, wanted, keyframes, entry = chunk
    assert [moment for run in decode_ranges(pts, wanted, keyframes, entry) for moment in run.wanted] == pts[
        wanted
    ].tolist()


@given(chunks())
def test_a_run_begins_at_the_last_keyframe_before_its_first_frame(
    chunk: tuple[np.ndarray, np.ndarray, np.ndarray, int | None],
) -> None:
    pts, wanted, keyframes, entry = chunk
    for run in decode_ranges(pts, wanted, keyframes, entry):
        governing = [moment for moment in keyframes.tolist() if pts[0] < moment <= run.wanted[0]]
        assert run.entry_pts == (governing[-1] if governing else entry)
        assert not any(run.wanted[0] < moment <= run.wanted[-1] for moment in keyframes.tolist())


@given(chunks())
def test_only_the_beginning_of_the_file_and_near_keyframes_are_reached_without_a_seek(
    chunk: tuple[np.ndarray, np.ndarray, np.ndarray, int | None],
) -> None:
    pts, wanted, keyframes, entry = chunk
    last = None
    for run in decode_ranges(pts, wanted, keyframes, entry):
        left_out = 0 if last is None or run.entry_pts is None else (run.entry_pts - last) // 40 - 1
        assert run.seeks == (run.entry_pts is not None and (last is None or left_out >= SEEK_FRAMES))
        last = run.wanted[-1]


def test_groups_without_a_wanted_frame_are_left_out() -> None:
    pts, wanted = pts_of(30), np.zeros(30, bool)
    wanted[[1, 25]] = True
    plan = decode_ranges(pts, wanted, pts[[10, 20]], None)
    assert plan == [DecodeRange(None, (1040,), seeks=False), DecodeRange(1800, (2000,), seeks=False)]


def test_nothing_wanted_needs_no_run() -> None:
    assert decode_ranges(pts_of(5), np.zeros(5, bool), pts_of(5)[2:3], 1000) == []
