"""Which way up a picture is shown."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np

from schemas.media.frames import Floats, Pixels

QUARTERS: Final = (0, 90, 180, 270)  # degrees clockwise
LEAST_DIFFERENCE: Final = (
    0.02  # from a matrix of quarter turns that is worth a word: a degree, or 2 % of its scale
)


@dataclass(frozen=True, slots=True)
class Orientation:
    """How a stored picture becomes the displayed one: turned clockwise by `rotation` degrees, then left and
    right exchanged if `mirrored`.

    `is_nearest`: the file asks for another angle or scale, and this is the nearest of the eight.
    """

    rotation: int = 0
    mirrored: bool = False
    is_nearest: bool = False

    @property
    def note(self) -> str | None:
        """What a result has to say of it."""
        shown = (
            f"turned by {self.rotation} degrees" + " and mirrored" * self.mirrored
            if self.rotation or self.mirrored
            else "as stored"
        )
        return (
            f"its display matrix is no quarter turn: pictures are {shown}, which is nearest"
            if self.is_nearest
            else None
        )

    @classmethod
    def of_angle(cls, degrees: float) -> Orientation:
        """The nearest quarter turn, from the counter-clockwise angle of a display matrix."""
        return cls(round(-degrees / 90) % 4 * 90)

    @classmethod
    def of_matrix(cls, data: bytes) -> Orientation:
        """The orientation of a display matrix: nine native 32-bit integers a b u c d v x y w, as
        AV_FRAME_DATA_DISPLAYMATRIX holds them.

        A pixel at (x, y) of the stored picture is shown at (a x + c y, b x + d y). One without a direction
        changes nothing. Source: libavutil/display.h, ISO/IEC 14496-12, 6.2.2.
        """
        asked = np.frombuffer(data, np.int32, 9).astype(np.float64).reshape(3, 3)[:2, :2].T / (1 << 16)
        if abs(np.linalg.det(asked)) < 1e-9:
            return cls()
        scaled = asked / np.sqrt(abs(np.linalg.det(asked)))
        nearest = max(product(QUARTERS, (False, True)), key=lambda one: float((scaled * _matrix(*one)).sum()))
        return cls(*nearest, is_nearest=bool(np.abs(asked - _matrix(*nearest)).max() > LEAST_DIFFERENCE))


def _matrix(rotation: int, mirrored: bool) -> Floats:
    cosine, sine = ((1, 0), (0, 1), (-1, 0), (0, -1))[rotation // 90]
    sign = -1 if mirrored else 1
    return np.array([[sign * cosine, -sign * sine], [sine, cosine]], np.float64)


def upright(picture: Pixels, rotation: int, *, mirrored: bool = False) -> Pixels:
    """H x W x 3 uint8, turned clockwise by `rotation` degrees, then left and right exchanged if
    `mirrored`; contiguous.
    """
    turned = np.rot90(picture, -(rotation // 90)) if rotation else picture
    return np.ascontiguousarray(turned[:, ::-1] if mirrored else turned)


def stored(picture: Pixels, rotation: int) -> Pixels:
    """The reverse of `upright` for a picture that is not mirrored."""
    return np.ascontiguousarray(np.rot90(picture, rotation // 90))
