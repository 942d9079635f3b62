"""A decoded frame and the two ways it is looked at: as stored for scene numbers, and displayed and resized for models."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from actors.orientation import upright
from schemas.frames import Pixels

SWS_BILINEAR: Final = 0x2  # libswscale/swscale.h
SWS_AREA: Final = 0x20
SWS_ACCURATE_RND: Final = 0x40000
SWS_BITEXACT: Final = 0x80000
NATIVE_FILTER: Final = SWS_BILINEAR  # PyAV's default, and so PySceneDetect's
# Averages all pixels that fall into one, so that what is small does not flicker; rounded alike on every processor.
MODEL_FILTER: Final = SWS_AREA | SWS_ACCURATE_RND | SWS_BITEXACT


@dataclass(frozen=True, slots=True)
class DecodedFrame:
    """One frame of a video: `number` counts from 0 in presentation order, `pts` is in units of the stream's time base.

    `is_trailing` marks the first frame shown after a chunk's last one; `number` is then the next, even where frames in between are lost.
    Pictures are converted when asked for, each time anew.
    """

    number: int
    pts: int
    is_trailing: bool
    rotation: int
    native_width: int
    native_height: int
    image: Any = field(repr=False)  # av.VideoFrame
    _reformatter: Any = field(repr=False)  # shared by all frames of a chunk: one set of scaling tables

    def bgr(self, *, is_upright: bool = False) -> Pixels:
        """H x W x 3 uint8 BGR in native size, as stored: bit for bit what PySceneDetect's PyAV backend gives its detectors.

        `is_upright` turns it as its OpenCV backend does (equal bit for bit on 8-bit video). A picture whose size changes within the
        stream is brought to the native size.
        """
        picture: Pixels = self._converted("bgr24", self.native_width, self.native_height, NATIVE_FILTER)
        return upright(picture, self.rotation) if is_upright else picture

    def rgb(self, width: int, height: int) -> Pixels:
        """`height` x `width` x 3 uint8 RGB of the displayed picture: one conversion, then a quarter turn where there is a rotation."""
        size = (height, width) if self.rotation % 180 else (width, height)
        return upright(self._converted("rgb24", *size, MODEL_FILTER), self.rotation)

    def _converted(self, pixel_format: str, width: int, height: int, interpolation: int) -> Pixels:
        scaled = self._reformatter.reformat(self.image, width, height, pixel_format, interpolation=interpolation, threads=1)
        return np.ascontiguousarray(scaled.to_ndarray())  # rows of odd sizes are padded
