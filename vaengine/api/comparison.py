"""`vaengine.compare`: how far two results agree, from Python."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing

from vaengine.comparing.comparison import MIN_IOU, STEP_S, Comparison
from vaengine.comparing.comparison import compare as compare_in
from vaengine.requests.store_location import opened


def compare(
    a: str = "human",
    b: str = "machine",
    *,
    out: str | os.PathLike[str] | None = None,
    db: str | None = None,
    videos: Sequence[str] = (),
    min_iou: float = MIN_IOU,
    step_s: float = STEP_S,
) -> Comparison:
    """How far two sides agree: people (`human`, `human:ANNOTATOR`), `machine`, a preset, or a run by its id.

    A is taken as true. Boxes count as the same from an overlap (IoU) of `min_iou`, time is compared in steps
    of `step_s` seconds. Raises `UsageError` for a side that no result has, `NotFound` without a store.
    """
    with closing(opened(None if out is None else os.fspath(out), db)) as store:
        return compare_in(store, a, b, videos=videos, min_iou=min_iou, step_s=step_s)
