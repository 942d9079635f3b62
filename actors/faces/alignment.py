"""Cuts faces out of pictures in the crops that face models are trained on.

Source: the crops of InsightFace's `face_align`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from schemas.media.frames import Floats, Pixels

# Where the five key points lie in a crop of 112 x 112 pixels. Source: ArcFace (Deng et al., CVPR 2019),
# published with its code.
TEMPLATE: Final = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
TEMPLATE_SIDE: Final = 112
WIDE_SIDE: Final = 128  # Crops of a multiple of it have a margin of 8 pixels at either side.
CROP_SCALE: Final = 1.5  # Side of a centred crop, in longer sides of the box.


def alignments(points: Floats, side: int) -> Floats:
    """N x 2 x 3 similarity transforms that align faces with the template.

    They bring N x 5 x 2 key points closest to the template in crops of `side` pixels. In the plane a
    similarity is one complex factor and a shift, so least squares have a closed form. Source: Umeyama, PAMI
    1991.
    """
    target = _template(side) @ [1, 1j]
    given = points @ np.array([1, 1j])
    spread = given - given.mean(axis=1, keepdims=True)
    power = np.maximum((np.abs(spread) ** 2).sum(axis=1), np.finfo(float).tiny)
    turn = (spread.conj() * (target - target.mean())).sum(axis=1) / power
    shift = target.mean() - turn * given.mean(axis=1)
    return np.stack(
        [np.stack([turn.real, -turn.imag, shift.real], 1), np.stack([turn.imag, turn.real, shift.imag], 1)],
        axis=1,
    )


def _template(side: int) -> Floats:
    if side % TEMPLATE_SIDE == 0 or side % WIDE_SIDE:
        return TEMPLATE * (side / TEMPLATE_SIDE)
    wide: Floats = (TEMPLATE + np.array([(WIDE_SIDE - TEMPLATE_SIDE) / 2, 0.0])) * (side / WIDE_SIDE)
    return wide


def centrings(boxes: Floats, side: int) -> Floats:
    """N x 2 x 3 transforms that centre N x 4 boxes in crops of `side` pixels.

    A crop is half as wide again as the box.
    """
    corners = boxes.reshape(-1, 2, 2)
    scale = side / ((corners[:, 1] - corners[:, 0]).max(axis=1, initial=1.0) * CROP_SCALE)
    shift = side / 2 - corners.mean(axis=1) * scale[:, None]
    zero = np.zeros(len(boxes))
    return np.stack(
        [np.stack([scale, zero, shift[:, 0]], 1), np.stack([zero, scale, shift[:, 1]], 1)], axis=1
    )


def crops(picture: Pixels, transforms: Floats, side: int) -> Sequence[Pixels]:
    """N crops of side x side x 3 uint8 from an H x W x 3 uint8 picture, black beyond its borders."""
    return [cv2.warpAffine(picture, transform, (side, side)) for transform in transforms]
