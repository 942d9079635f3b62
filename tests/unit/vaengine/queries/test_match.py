import math

import pytest

from vaengine.queries.match import Match


@pytest.mark.parametrize("part", [(-0.1, 1.0), (2.0, 1.0), (0.0, math.inf), (math.nan, 1.0)])
def test_a_match_is_a_part_of_a_video(part: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="no part of a video"):
        Match("clip_00000000", "clip.mp4", *part)


def test_a_single_frame_is_a_part() -> None:
    assert Match("clip_00000000", "clip.mp4", 2.0, 2.0).end_s == 2.0
