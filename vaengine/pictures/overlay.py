"""Boxes, names and poses drawn into a picture, by the supervision library."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from schemas.frames import Pixels
from vaengine.pictures.palette import COLOURS, NO_TRACK, colour_of, ink_on, short_name
from vaengine.pictures.presence import BODY_POINTS, Sighting
from vaengine.pictures.timeline import text_size

_PALETTE: Final = (*COLOURS, NO_TRACK)


class Overlay:
    """Draws what is seen in pictures of one size; lines and letters grow with it."""

    def __init__(self, width: int, height: int, *, with_labels: bool = True) -> None:
        import supervision as sv

        unit = text_size(width, height)
        line = max(2, round(1.6 * unit))
        self._letters = scale, thickness, padding = 0.42 * unit, max(1, round(unit)), max(2, round(2.5 * unit))
        palette = sv.ColorPalette.from_hex(list(_PALETTE))
        self._boxes = sv.BoxAnnotator(color=palette, thickness=line)
        self._thin_boxes = sv.BoxAnnotator(color=palette, thickness=max(1, line // 2))
        self._labels = sv.LabelAnnotator(
            color=palette,
            text_color=sv.ColorPalette.from_hex([ink_on(colour) for colour in _PALETTE]),
            text_scale=scale,
            text_thickness=thickness,
            text_padding=padding,
        )
        self._edges = [sv.EdgeAnnotator(color=sv.Color.from_hex(colour), thickness=line) for colour in _PALETTE]
        self._vertices = sv.VertexAnnotator(color=sv.Color.WHITE, radius=max(1, line - 1))
        self._with_labels = with_labels

    def draw(self, picture: Pixels, seen: Sequence[Sighting]) -> None:
        """Onto `picture`, H x W x 3 uint8 BGR: those in no track thin and grey, persons in their colours with their labels, then poses."""
        strangers = [one for one in seen if one.person_id is None]
        persons = [one for one in seen if one.person_id is not None]
        self._draw_boxes(self._thin_boxes, picture, strangers)
        self._draw_boxes(self._boxes, picture, persons)
        for one in seen:
            self._draw_pose(picture, one)
        if self._with_labels and persons:
            self._draw_labels(picture, persons)

    def _draw_labels(self, picture: Pixels, persons: Sequence[Sighting]) -> None:
        """Above their boxes, pushed back into the picture where they would stand out of it."""
        import supervision as sv

        texts = [label(one) for one in persons]
        corners = np.array([one.xyxy for one in persons], np.float64)
        widths, heights = np.array([self._size(text) for text in texts], np.float64).T
        left = np.clip(corners[:, 0], 0, np.maximum(0, picture.shape[1] - 1 - widths))
        top = np.clip(corners[:, 1], np.minimum(heights, picture.shape[0]), picture.shape[0])
        anchors = sv.Detections(xyxy=np.stack([left, top, left + 1, top + 1], axis=1))
        self._labels.annotate(picture, anchors, texts, custom_color_lookup=_colours(persons))

    def _size(self, text: str) -> tuple[int, int]:
        """Width and height of a label, padding included."""
        import cv2

        scale, thickness, padding = self._letters
        (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, thickness)
        return width + 2 * padding, height + 2 * padding

    def _draw_boxes(self, annotator: Any, picture: Pixels, seen: Sequence[Sighting]) -> None:
        if seen:
            annotator.annotate(picture, _detections(seen), custom_color_lookup=_colours(seen))

    def _draw_pose(self, picture: Pixels, one: Sighting) -> None:
        """Points that are not visible are left out, and so are the bones that lead there; only a person's 17 points have known bones."""
        if one.keypoints is None:
            return
        import supervision as sv

        visible = one.keypoints[None, :, 2] > 0
        pose = sv.KeyPoints(xy=one.keypoints[None, :, :2].astype(np.float32), visible=visible)
        if len(one.keypoints) == BODY_POINTS:
            self._edges[_PALETTE.index(colour_of(one.person_id))].annotate(picture, pose)
        self._vertices.annotate(picture, pose)


def label(one: Sighting) -> str:
    """`P12 0.87`: who, and how sure the detector was in the frame it last looked at."""
    sure = "" if one.confidence is None else f" {one.confidence:.2f}"
    return f"{short_name(one.person_id or '?')}{sure}"


def _detections(seen: Sequence[Sighting]) -> Any:
    import supervision as sv

    return sv.Detections(xyxy=np.array([one.xyxy for one in seen], np.float64))


def _colours(seen: Sequence[Sighting]) -> Any:
    return np.array([_PALETTE.index(colour_of(one.person_id)) for one in seen])
