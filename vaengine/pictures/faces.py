"""Faces drawn into a picture: thin boxes, landmarks as dots, and whose they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from schemas.frames import Pixels
from vaengine.pictures.labels import PALETTE, Labels, colours_of, detections
from vaengine.pictures.palette import bgr, colour_of, short_name
from vaengine.pictures.presence import Sighting
from vaengine.pictures.timeline import text_size

SHARE: Final = 0.015  # of a face's width that a landmark's dot has for its radius, but at least 1 pixel


class FaceOverlay:
    """Draws faces that are seen in pictures of one size; lines and letters grow with it."""

    def __init__(self, width: int, height: int, *, with_labels: bool = True) -> None:
        import supervision as sv

        unit = text_size(width, height)
        self._boxes = sv.BoxAnnotator(color=sv.ColorPalette.from_hex(list(PALETTE)), thickness=max(1, round(unit)))
        self._labels = Labels(0.85 * unit)
        self._with_labels = with_labels

    def draw(self, picture: Pixels, seen: Sequence[Sighting]) -> None:
        """Onto `picture`, H x W x 3 uint8 BGR; labels below their boxes, since that of the person is likely to be above."""
        if not seen:
            return
        self._boxes.annotate(picture, detections(seen), custom_color_lookup=colours_of(seen))
        for one in seen:
            _dot(picture, one)
        named = [one for one in seen if label(one)]
        if self._with_labels and named:
            self._labels.draw(picture, [label(one) for one in named], named, is_below=True)


def label(one: Sighting) -> str:
    """`F3 P12`: the identity and the person it is linked to, as far as they are known."""
    return " ".join(short_name(name) for name in (one.identity, one.linked) if name)


def _dot(picture: Pixels, one: Sighting) -> None:
    import cv2

    if one.keypoints is None:
        return
    radius, colour = max(1, round(SHARE * (one.xyxy[2] - one.xyxy[0]))), bgr(colour_of(one.identity))
    for x, y, visible in one.keypoints:
        if visible:
            cv2.circle(picture, (round(x), round(y)), radius, colour, -1, cv2.LINE_AA)
