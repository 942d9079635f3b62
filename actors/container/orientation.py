"""The orientation of a picture: how the stored picture becomes the displayed one."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np

from schemas.media.frames import Floats, Pixels

QUARTERS: Final = (0, 90, 180, 270)  # degrees clockwise
# Difference from a matrix of quarter turns that is worth a note: a degree, or 2 % of its scale.
MIN_DIFFERENCE: Final = 0.02


@dataclass(frozen=True, slots=True)
class Orientation:
    """Turns the stored picture clockwise by `rotation` degrees, then mirrors it if `mirrored`.

    To mirror is to exchange left and right. `is_nearest`: the file asks for another angle or scale, and
    this is the nearest of the eight orientations.
    """

    rotation: int = 0
    mirrored: bool = False
    is_nearest: bool = False

    @property
    def note(self) -> str | None:
        """A warning for the result where the orientation is only the nearest; else None."""
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
        """The nearest quarter turn, from the counter-clockwise angle of a display matrix in degrees."""
        return cls(round(-degrees / 90) % 4 * 90)

    @classmethod
    def of_matrix(cls, data: bytes) -> Orientation:
        """The orientation of a display matrix.

        `data` holds nine native 32-bit integers a b u c d v x y w, as AV_FRAME_DATA_DISPLAYMATRIX does. A
        pixel at (x, y) of the stored picture is shown at (a x + c y, b x + d y). A matrix without a
        direction changes nothing. Source: libavutil/display.h, ISO/IEC 14496-12, 6.2.2.
        """
        matrix = np.frombuffer(data, np.int32, 9).astype(np.float64).reshape(3, 3)[:2, :2].T / (1 << 16)
        if abs(np.linalg.det(matrix)) < 1e-9:
            return cls()
        scaled = matrix / np.sqrt(abs(np.linalg.det(matrix)))
        nearest = max(
            product(QUARTERS, (False, True)), key=lambda turn: float((scaled * _matrix(*turn)).sum())
        )
        return cls(*nearest, is_nearest=bool(np.abs(matrix - _matrix(*nearest)).max() > MIN_DIFFERENCE))


def _matrix(rotation: int, mirrored: bool) -> Floats:
    cosine, sine = ((1, 0), (0, 1), (-1, 0), (0, -1))[rotation // 90]
    sign = -1 if mirrored else 1
    return np.array([[sign * cosine, -sign * sine], [sine, cosine]], np.float64)


def upright(picture: Pixels, rotation: int, *, mirrored: bool = False) -> Pixels:
    """The picture turned clockwise by `rotation` degrees, then mirrored if `mirrored`.

    H x W x 3 uint8, contiguous.
    """
    turned = np.rot90(picture, -(rotation // 90)) if rotation else picture
    return np.ascontiguousarray(turned[:, ::-1] if mirrored else turned)


def stored(picture: Pixels, rotation: int) -> Pixels:
    """The reverse of `upright` for a picture that is not mirrored."""
    return np.ascontiguousarray(np.rot90(picture, rotation // 90))
