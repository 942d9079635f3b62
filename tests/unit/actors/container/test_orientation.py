"""Which way up a picture is shown, from the matrix that a file gives for its display."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.container.orientation import QUARTERS, Orientation, stored, upright
from schemas.media.frames import Pixels

ALL = list(product(QUARTERS, (False, True)))
PICTURE = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)


def matrix(a: float, b: float, c: float, d: float) -> bytes:
    """A display matrix as FFmpeg hands it over; x' = a x + c y, y' = b x + d y, y downwards."""
    numbers = [a, b, 0, c, d, 0, 0, 0, 1 << 14]
    return np.array([round(number * (1 << 16)) for number in numbers], np.int32).tobytes()


def moved(picture: Pixels, a: int, b: int, c: int, d: int) -> Pixels:
    """Every pixel put where the matrix says, one by one."""
    height, width = picture.shape[:2]
    places = {(a * x + c * y, b * x + d * y): picture[y, x] for x in range(width) for y in range(height)}
    left, top = (min(place[axis] for place in places) for axis in (0, 1))
    shown = np.zeros((height, width, 3) if a else (width, height, 3), np.uint8)
    for (x, y), pixel in places.items():
        shown[y - top, x - left] = pixel
    return shown


@pytest.mark.parametrize(
    "numbers",
    [(a, 0, 0, d) for a in (1, -1) for d in (1, -1)] + [(0, b, c, 0) for b in (1, -1) for c in (1, -1)],
)
def test_each_of_the_eight_matrices_puts_every_pixel_where_it_says(
    numbers: tuple[int, int, int, int],
) -> None:
    found = Orientation.of_matrix(matrix(*numbers))
    assert not found.is_nearest
    assert found.note is None
    assert np.array_equal(upright(PICTURE, found.rotation, mirrored=found.mirrored), moved(PICTURE, *numbers))


@given(st.sampled_from(ALL), st.floats(-40, 40), st.floats(0.1, 10))
def test_any_angle_and_scale_goes_to_the_nearest_of_the_eight_and_says_so(
    one: tuple[int, bool], degrees: float, scale: float
) -> None:
    rotation, mirrored = one
    angle, sign = math.radians(rotation + degrees), -1 if mirrored else 1
    cosine, sine = math.cos(angle) * scale, math.sin(angle) * scale
    found = Orientation.of_matrix(matrix(sign * cosine, sine, -sign * sine, cosine))
    assert (found.rotation, found.mirrored) == one
    if abs(degrees) > 2 or abs(scale - 1) > 0.05:
        assert found.is_nearest
        assert "nearest" in str(found.note)


def test_an_angle_that_only_rounding_keeps_from_a_quarter_turn_is_one() -> None:
    angle = math.radians(89.6)
    found = Orientation.of_matrix(matrix(math.cos(angle), math.sin(angle), -math.sin(angle), math.cos(angle)))
    assert found == Orientation(90)


def test_a_matrix_without_a_direction_changes_nothing() -> None:
    assert Orientation.of_matrix(bytes(36)) == Orientation()


@pytest.mark.parametrize(
    ("angle", "turn"), [(0, 0), (-90, 90), (90, 270), (180, 180), (-180, 180), (-89.6, 90), (360, 0)]
)
def test_an_angle_turns_the_other_way(angle: float, turn: int) -> None:
    assert Orientation.of_angle(angle) == Orientation(turn)


@pytest.mark.parametrize("rotation", QUARTERS)
def test_a_displayed_picture_can_be_turned_back(rotation: int) -> None:
    assert np.array_equal(stored(upright(PICTURE, rotation), rotation), PICTURE)
