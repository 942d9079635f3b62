"""Which way up a picture is shown."""

from __future__ import annotations

import numpy as np

from schemas.frames import Pixels

QUARTERS = 4


def clockwise(display_angle: float) -> int:
    """Degrees (0, 90, 180, 270) to turn a stored picture clockwise, from the counter-clockwise angle of its display matrix.

    Angles between quarter turns go to the nearest one; mirrored pictures stay mirrored, as in the players that know only rotation.
    """
    return round(-display_angle / 90) % QUARTERS * 90


def upright(picture: Pixels, rotation: int) -> Pixels:
    """H x W x 3 uint8, turned clockwise by `rotation` degrees; contiguous."""
    return np.ascontiguousarray(np.rot90(picture, -(rotation // 90))) if rotation else picture
