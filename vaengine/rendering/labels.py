"""Draws labels at boxes in their colours, always inside the frame; uses the supervision library."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from schemas.media.frames import Pixels
from vaengine.timeline.colour_assignment import Colours
from vaengine.timeline.palette import ink_on
from vaengine.timeline.presence import Sighting


class Labels:
    """Draws labels; `unit` is the letter size relative to a frame of 360 lines."""

    def __init__(self, unit: float, colours: Colours) -> None:
        import supervision as sv

        self._colours = colours
        self._letters = scale, thickness, padding = (
            0.42 * unit,
            max(1, round(unit)),
            max(2, round(2.5 * unit)),
        )
        self._annotator = sv.LabelAnnotator(
            color=sv.ColorPalette.from_hex(list(colours.palette)),
            text_color=sv.ColorPalette.from_hex([ink_on(colour) for colour in colours.palette]),
            text_scale=scale,
            text_thickness=thickness,
            text_padding=padding,
        )

    def draw(
        self, picture: Pixels, texts: Sequence[str], seen: Sequence[Sighting], *, is_below: bool = False
    ) -> None:
        """Draw labels above or below their boxes onto `picture`, H x W x 3 uint8 BGR.

        A label that would leave the frame is moved inside.
        """
        import supervision as sv

        corners = np.array([one.xyxy for one in seen], np.float64)
        widths, heights = np.array([self._size(text) for text in texts], np.float64).T
        left = np.clip(corners[:, 0], 0, np.maximum(0, picture.shape[1] - 1 - widths))
        bottom = np.clip(
            corners[:, 3] + heights if is_below else corners[:, 1],
            np.minimum(heights, picture.shape[0]),
            picture.shape[0],
        )
        anchors = sv.Detections(xyxy=np.stack([left, bottom, left + 1, bottom + 1], axis=1))
        self._annotator.annotate(
            picture, anchors, list(texts), custom_color_lookup=palette_indices(seen, self._colours)
        )

    def _size(self, text: str) -> tuple[int, int]:
        """Width and height of a label, padding included."""
        import cv2

        scale, thickness, padding = self._letters
        (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, thickness)
        return width + 2 * padding, height + 2 * padding


def detections(seen: Sequence[Sighting]) -> Any:
    """The boxes of sightings as supervision's detections."""
    import supervision as sv

    return sv.Detections(xyxy=np.array([one.xyxy for one in seen], np.float64))


def colour_id(one: Sighting) -> str | None:
    """The id that gives a box its colour: its identity, or for a face without one its person."""
    return one.identity or one.linked


def palette_indices(seen: Sequence[Sighting], colours: Colours) -> Any:
    """The palette index of each sighting."""
    palette = colours.palette
    return np.array([palette.index(colours.of(colour_id(one))) for one in seen])
