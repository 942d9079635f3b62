"""Draws faces into a frame: thin boxes, landmarks as dots, and labels with identities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from schemas.media.frames import Pixels
from vaengine.rendering.labels import Labels, colour_id, detections, palette_indices
from vaengine.rendering.strip_layout import text_size
from vaengine.timeline.colour_assignment import Colours
from vaengine.timeline.palette import bgr, short_name
from vaengine.timeline.presence import Sighting

# The radius of a landmark's dot as a share of the face's width; at least 1 pixel.
DOT_RADIUS_SHARE: Final = 0.015


class FaceOverlay:
    """Draws faces into frames of one size; line widths and letters grow with it."""

    def __init__(
        self, width: int, height: int, colours: Colours | None = None, *, with_labels: bool = True
    ) -> None:
        import supervision as sv

        unit = text_size(width, height)
        self._colours, self._line = colours or Colours(), max(1, round(unit))
        palette = sv.ColorPalette.from_hex(list(self._colours.palette))
        self._boxes = sv.BoxAnnotator(color=palette, thickness=self._line)
        self._labels = Labels(0.85 * unit, self._colours)
        self._with_labels = with_labels

    def draw(self, picture: Pixels, seen: Sequence[Sighting]) -> None:
        """Draw onto `picture`, H x W x 3 uint8 BGR.

        Labels are below their boxes, since that of the person is likely to be above.
        """
        if not seen:
            return
        for one in seen:
            if colour_id(one) is None:  # grey alone is hard to see on a bright wall
                _draw_outline(picture, one, self._line)
        self._boxes.annotate(
            picture, detections(seen), custom_color_lookup=palette_indices(seen, self._colours)
        )
        for one in seen:
            _draw_landmarks(picture, one, bgr(self._colours.of(colour_id(one))))
        if self._with_labels:
            self._labels.draw(picture, [label(one) for one in seen], seen, is_below=True)


def label(one: Sighting) -> str:
    """The text of a label: `F3 P12`, the identity and the person it is linked to; one name for both.

    Without an identity it is `face 0.87`, with the confidence of the detector.
    """
    confidence = "" if one.confidence is None else f" {one.confidence:.2f}"
    face = short_name(one.identity) if one.identity else f"face{confidence}"
    return f"{face} {short_name(one.linked)}" if one.linked and one.linked != one.identity else face


def _draw_outline(picture: Pixels, one: Sighting, line: int) -> None:
    """Draw black lines on both sides of a box's line."""
    import cv2

    left, top, right, bottom = (int(side) for side in one.xyxy)
    for out in (line, -line):
        cv2.rectangle(picture, (left - out, top - out), (right + out, bottom + out), (0, 0, 0), line)


def _draw_landmarks(picture: Pixels, one: Sighting, colour: tuple[int, int, int]) -> None:
    import cv2

    if one.keypoints is None:
        return
    radius = max(1, round(DOT_RADIUS_SHARE * (one.xyxy[2] - one.xyxy[0])))
    for x, y, visible in one.keypoints:
        if visible:
            cv2.circle(picture, (round(x), round(y)), radius, colour, -1, cv2.LINE_AA)
