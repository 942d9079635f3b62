"""A decoded frame: its native picture for scene scores, its upright and resized picture for models."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

import cv2
import numpy as np

from actors.container.orientation import upright
from schemas.media.frames import Pixels

SWS_BILINEAR: Final = 0x2  # libswscale/swscale.h
SWS_AREA: Final = 0x20
SWS_ACCURATE_RND: Final = 0x40000
SWS_BITEXACT: Final = 0x80000
NATIVE_FILTER: Final = SWS_BILINEAR  # PyAV's default, and so PySceneDetect's.
# Averages all pixels that fall into one, so that what is small does not flicker; rounded alike on every
# processor.
MODEL_FILTER: Final = SWS_AREA | SWS_ACCURATE_RND | SWS_BITEXACT


@dataclass(frozen=True, slots=True)
class DecodedFrame:
    """One frame of a video.

    `number` counts from 0 in presentation order, `pts` is in units of the stream's time base. `is_trailing`
    marks the first frame shown after a chunk's last one; `number` is then the next, even where frames in
    between are lost. The native picture is converted once, when it is first needed, and lives as long as
    the frame.
    """

    number: int
    pts: int
    is_trailing: bool
    rotation: int
    mirrored: bool
    native_width: int
    native_height: int
    image: Any = field(repr=False)  # av.VideoFrame
    _reformatter: Any = field(repr=False)  # shared by all frames of a chunk: one set of scaling tables
    _native: list[Pixels] = field(default_factory=list, init=False, repr=False, compare=False)  # none or one

    def bgr(self, *, is_upright: bool = False) -> Pixels:
        """The native picture as stored, H x W x 3 uint8 BGR, read-only.

        Bit for bit what PySceneDetect's PyAV backend gives. `is_upright` turns it as its OpenCV backend
        does (equal bit for bit on 8-bit video). A picture whose size changes within the stream is brought
        to the native size.
        """
        if not self._native:
            picture = self._converted("bgr24", self.native_width, self.native_height, NATIVE_FILTER)
            picture.flags.writeable = False
            self._native.append(picture)
        return self._upright(self._native[0]) if is_upright else self._native[0]

    def rgb(self, width: int, height: int, filter: Literal["area", "linear"] = "area") -> Pixels:
        """The displayed picture, `height` x `width` x 3 uint8 RGB.

        `area`: one conversion straight from the decoded picture, then turned and mirrored as it is shown.
        `linear`: the native picture, which scene scores share, is turned and then resized by OpenCV: bit
        for bit what ultralytics makes of 8-bit video.
        """
        if filter == "linear":
            resized: Pixels = cv2.resize(
                self.bgr(is_upright=True), (width, height), interpolation=cv2.INTER_LINEAR
            )
            rgb: Pixels = cv2.cvtColor(
                resized, cv2.COLOR_BGR2RGB
            )  # reversing the axis takes 30 times as long
            return rgb
        size = (height, width) if self.rotation % 180 else (width, height)
        return self._upright(self._converted("rgb24", *size, MODEL_FILTER))

    def _upright(self, picture: Pixels) -> Pixels:
        return upright(picture, self.rotation, mirrored=self.mirrored)

    def _converted(self, pixel_format: str, width: int, height: int, interpolation: int) -> Pixels:
        scaled = self._reformatter.reformat(
            self.image, width, height, pixel_format, interpolation=interpolation, threads=1
        )
        return np.ascontiguousarray(scaled.to_ndarray())  # rows of odd sizes are padded
