"""Boxes, names and poses drawn into a picture, by the supervision library."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from schemas.media.frames import Pixels
from vaengine.rendering.labels import Labels, detections, places_of, whose
from vaengine.rendering.strip_layout import text_size
from vaengine.timeline.colour_assignment import Colours
from vaengine.timeline.palette import short_name
from vaengine.timeline.presence import BODY_POINTS, Sighting


class Overlay:
    """Draws what is seen in pictures of one size; lines and letters grow with it."""

    def __init__(
        self, width: int, height: int, colours: Colours | None = None, *, with_labels: bool = True
    ) -> None:
        import supervision as sv

        self._colours = colours or Colours()

        unit = text_size(width, height)
        line = max(2, round(1.6 * unit))
        palette = sv.ColorPalette.from_hex(list(self._colours.palette))
        self._boxes = sv.BoxAnnotator(color=palette, thickness=line)
        self._thin_boxes = sv.BoxAnnotator(color=palette, thickness=max(1, line // 2))
        self._labels = Labels(unit, self._colours)
        self._edges = {
            colour: sv.EdgeAnnotator(sv.Color.from_hex(colour), line) for colour in self._colours.palette
        }
        self._vertices = sv.VertexAnnotator(color=sv.Color.WHITE, radius=max(1, line - 1))
        self._with_labels = with_labels

    def draw(self, picture: Pixels, seen: Sequence[Sighting]) -> None:
        """Onto `picture`, H x W x 3 uint8 BGR: those in no track thin and grey, persons in their colours,
        then poses and labels.
        """
        strangers = [one for one in seen if one.identity is None]
        persons = [one for one in seen if one.identity is not None]
        self._draw_boxes(self._thin_boxes, picture, strangers)
        self._draw_boxes(self._boxes, picture, persons)
        for one in seen:
            self._draw_pose(picture, one)
        if self._with_labels and seen:
            self._labels.draw(picture, [label(one) for one in seen], seen)

    def _draw_boxes(self, annotator: Any, picture: Pixels, seen: Sequence[Sighting]) -> None:
        if seen:
            annotator.annotate(picture, detections(seen), custom_color_lookup=places_of(seen, self._colours))

    def _draw_pose(self, picture: Pixels, one: Sighting) -> None:
        """Points that are not visible are left out, and so are the bones that lead there; only a person's
        17 points have known bones.
        """
        if one.keypoints is None:
            return
        import supervision as sv

        visible = one.keypoints[None, :, 2] > 0
        pose = sv.KeyPoints(xy=one.keypoints[None, :, :2].astype(np.float32), visible=visible)
        if len(one.keypoints) == BODY_POINTS:
            self._edges[self._colours.of(whose(one))].annotate(picture, pose)
        self._vertices.annotate(picture, pose)


def label(one: Sighting) -> str:
    """`P12 0.87`: who, and how sure the detector was in the frame it last looked at; `person 0.87` of
    somebody in no track.
    """
    sure = "" if one.confidence is None else f" {one.confidence:.2f}"
    return f"{short_name(one.identity or 'person')}{sure}"
