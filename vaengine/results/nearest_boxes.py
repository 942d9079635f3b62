"""The boxes or faces of the sampled frame that is nearest to a time."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from vaengine.results.faces import FaceBoxes
from vaengine.results.vision import Boxes, Scene

Located = TypeVar("Located", Boxes, FaceBoxes)


def nearest_boxes(boxes: Located, time_s: float, within_s: float, scene: Scene | None) -> Located:
    """Those of the nearest frame that has any, at most `within_s` away and in the scene; else none."""
    # A row that was saved by hand may have no time.
    away_s = np.nan_to_num(np.abs(boxes.times_s - time_s), nan=np.inf)
    if scene is not None:
        away_s[(boxes.times_s < scene.start_s) | (boxes.times_s >= scene.end_s)] = np.inf
    is_near = bool(len(away_s)) and bool(away_s.min() <= within_s)
    return boxes[boxes.frame_numbers == boxes.frame_numbers[away_s.argmin()]] if is_near else boxes[:0]
