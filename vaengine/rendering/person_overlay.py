"""Draws boxes, names and poses of persons into a frame; uses the supervision library."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from schemas.media.frames import Pixels
from vaengine.rendering.labels import Labels, colour_id, detections, palette_indices
from vaengine.rendering.strip_layout import text_size
from vaengine.timeline.colour_assignment import Colours
from vaengine.timeline.palette import short_name
from vaengine.timeline.presence import BODY_POINTS, Sighting


class Overlay:
    """Draws persons into frames of one size; line widths and letters grow with it."""

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
        """Draw onto `picture`, H x W x 3 uint8 BGR.

        Untracked boxes are thin and grey, persons have their colours. Poses and labels are drawn last.
        """
        untracked = [one for one in seen if one.identity is None]
        persons = [one for one in seen if one.identity is not None]
        self._draw_boxes(self._thin_boxes, picture, untracked)
        self._draw_boxes(self._boxes, picture, persons)
        for one in seen:
            self._draw_pose(picture, one)
        if self._with_labels and seen:
            self._labels.draw(picture, [label(one) for one in seen], seen)

    def _draw_boxes(self, annotator: Any, picture: Pixels, seen: Sequence[Sighting]) -> None:
        if seen:
            annotator.annotate(
                picture, detections(seen), custom_color_lookup=palette_indices(seen, self._colours)
            )

    def _draw_pose(self, picture: Pixels, one: Sighting) -> None:
        """Draw the pose of a person.

        Invisible points are left out, and so are bones to them. Only the 17 points of a person have known
        bones.
        """
        if one.keypoints is None:
            return
        import supervision as sv

        visible = one.keypoints[None, :, 2] > 0
        pose = sv.KeyPoints(xy=one.keypoints[None, :, :2].astype(np.float32), visible=visible)
        if len(one.keypoints) == BODY_POINTS:
            self._edges[self._colours.of(colour_id(one))].annotate(picture, pose)
        self._vertices.annotate(picture, pose)


def label(one: Sighting) -> str:
    """The text of a label: `P12 0.87`, name and confidence of the detector in the last sampled frame.

    It is `person 0.87` without a track.
    """
    confidence = "" if one.confidence is None else f" {one.confidence:.2f}"
    return f"{short_name(one.identity or 'person')}{confidence}"
