"""Few key frames give every box again by straight lines."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vaengine.exporting.values.tracks import TOLERANCE_PX, TrackBox, keyframes

SIDE = st.floats(0, 2000, allow_nan=False)


def boxes_of(steps: list[int], sides: list[list[float]]) -> list[TrackBox]:
    frames = np.cumsum([0, *steps]).tolist()
    return [TrackBox(f, f / 25, tuple(xyxy), 0.5) for f, xyxy in zip(frames, sides, strict=False)]


def drawn(kept: list[TrackBox], frame: int) -> list[float]:
    frames = [box.frame for box in kept]
    return [float(np.interp(frame, frames, [box.xyxy[side] for box in kept])) for side in range(4)]


@given(
    st.lists(st.integers(1, 9), min_size=0, max_size=40),
    st.lists(st.lists(SIDE, min_size=4, max_size=4), min_size=41, max_size=41),
)
def test_no_side_is_off_by_more_than_the_tolerance(steps: list[int], sides: list[list[float]]) -> None:
    piece = boxes_of(steps, sides)
    kept = keyframes(piece)
    assert kept[0] == piece[0]
    assert kept[-1] == piece[-1]
    for box in piece:
        assert np.abs(np.array(drawn(kept, box.frame)) - box.xyxy).max() <= TOLERANCE_PX + 1e-6


def test_a_straight_walk_needs_two_boxes_and_a_turn_a_third() -> None:
    walk = [TrackBox(5 * n, n / 5, (2.0 * n, 0.0, 2.0 * n + 10, 20.0), 0.5) for n in range(50)]
    assert keyframes(walk) == [walk[0], walk[-1]]
    back = [
        TrackBox(250 + 5 * n, 10 + n / 5, (98.0 - 2 * n, 0.0, 108.0 - 2 * n, 20.0), 0.5) for n in range(20)
    ]
    assert len(keyframes([*walk, *back])) == 4
