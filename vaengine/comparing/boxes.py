"""Agreement of boxes and tracks: precision and recall at an overlap, and HOTA.

Frames count that both sides looked at. A person draws few boxes, and the tool moves them in between: so a box
of people is computed for frames between two of one segment.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from schemas.annotations.annotation import Annotation
from schemas.media.frames import Floats

Corners = tuple[float, float, float, float]  # left, top, right, bottom in pixels


@dataclass(frozen=True, slots=True)
class Seen:
    """A box in one frame; `who` is the track, empty for a box in none."""

    who: str
    corners: Corners


@dataclass(frozen=True, slots=True)
class BoxAgreement:
    """How boxes of `b` agree with those of `a`, which is taken as true.

    `matched` pairs overlap by at least `min_iou`, each box in at most one pair. `precision` is their share of
    B's boxes and `recall` of A's, `mean_iou` is of the pairs; None where there is nothing to divide by.
    `hota`, `det_a` and `ass_a` (0 to 1) are means over overlaps from 0.05 to 0.95, None where a side has no
    tracks. Sources: HOTA, Luiten et al. 2021; matching, Kuhn 1955.
    """

    frames: int
    boxes_a: int
    boxes_b: int
    matched: int
    min_iou: float
    mean_iou: float | None = None
    hota: float | None = None
    det_a: float | None = None
    ass_a: float | None = None

    @property
    def precision(self) -> float | None:
        return self.matched / self.boxes_b if self.boxes_b else None

    @property
    def recall(self) -> float | None:
        return self.matched / self.boxes_a if self.boxes_a else None

    @property
    def f1(self) -> float | None:
        total = self.boxes_a + self.boxes_b
        return 2 * self.matched / total if total else None


FrameBoxes = Mapping[int, Sequence[Seen]]


def boxes_at(rows: Iterable[Annotation], column: str, frames: Iterable[int]) -> dict[int, list[Seen]]:
    """The boxes of rows in these frames; between two boxes of one segment of a track they are computed."""
    wanted = sorted(set(frames))
    tracks: dict[tuple[str, int], dict[int, Corners]] = defaultdict(dict)
    found: dict[int, list[Seen]] = {frame: [] for frame in wanted}
    for row in rows:
        if row.bbox is None or row.frame_number is None:
            continue
        who: str | None = getattr(row, column)
        if who is not None:
            tracks[who, int(row.attributes.get("segment", 0))][row.frame_number] = _corners(row)
        elif row.frame_number in found:
            found[row.frame_number].append(Seen("", _corners(row)))
    for (who, _), known in tracks.items():
        for frame, corners in _at(known, wanted):
            found[frame].append(Seen(who, corners))
    return found


def _corners(row: Annotation) -> Corners:
    box = row.bbox
    assert box is not None
    return box.x, box.y, box.x + box.width, box.y + box.height


def _at(known: Mapping[int, Corners], wanted: Sequence[int]) -> Iterable[tuple[int, Corners]]:
    """The box in each wanted frame from the first to the last that is known."""
    numbers = np.array(sorted(known))
    inside = [frame for frame in wanted if numbers[0] <= frame <= numbers[-1]]
    if not inside:
        return []
    values = np.array([known[int(number)] for number in numbers])
    sides = np.stack([np.interp(inside, numbers, values[:, side]) for side in range(4)], axis=1)
    return [
        (frame, (float(left), float(top), float(right), float(bottom)))
        for frame, (left, top, right, bottom) in zip(inside, sides, strict=True)
    ]


# Agreement.


def agreement(truth: FrameBoxes, found: FrameBoxes, min_iou: float) -> BoxAgreement:
    """The agreement over all frames of either side."""
    frames = sorted({*truth, *found})
    pairs = [(truth.get(frame, ()), found.get(frame, ())) for frame in frames]
    overlaps = [iou_matrix(*pair) for pair in pairs]
    matched = [value for matrix in overlaps for value in _matched(matrix, min_iou)]
    counts = len(frames), sum(len(a) for a, _ in pairs), sum(len(b) for _, b in pairs), len(matched)
    mean_iou = float(np.mean(matched)) if matched else None
    return BoxAgreement(*counts, min_iou, mean_iou, *_hota(pairs, overlaps))


def iou_matrix(a: Sequence[Seen], b: Sequence[Seen]) -> Floats:
    """Intersection over union of each box of `a` (rows) with each of `b` (columns)."""
    one = np.array([seen.corners for seen in a], np.float64).reshape(-1, 1, 4)
    other = np.array([seen.corners for seen in b], np.float64).reshape(1, -1, 4)
    sides = np.minimum(one[..., 2:], other[..., 2:]) - np.maximum(one[..., :2], other[..., :2])
    shared = sides.clip(0).prod(-1)
    areas = [(boxes[..., 2:] - boxes[..., :2]).prod(-1) for boxes in (one, other)]
    union = areas[0] + areas[1] - shared
    overlaps: Floats = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return overlaps


def _matched(overlaps: Floats, min_iou: float) -> list[float]:
    """The overlaps of pairs: as many pairs as possible, and of these the ones that overlap most."""
    if not overlaps.size:
        return []
    from scipy.optimize import linear_sum_assignment

    enough = overlaps >= min_iou
    rows, columns = linear_sum_assignment(-(enough * (1.0 + overlaps / overlaps.shape[0])))
    return [
        float(overlaps[row, column]) for row, column in zip(rows, columns, strict=True) if enough[row, column]
    ]


def _hota(
    pairs: Sequence[tuple[Sequence[Seen], Sequence[Seen]]], overlaps: Sequence[Floats]
) -> tuple[float | None, float | None, float | None]:
    """HOTA, DetA and AssA by TrackEval, of boxes that are in tracks."""
    tracked = [([one for one in a if one.who], [one for one in b if one.who]) for a, b in pairs]
    names_a, names_b = (_numbers(side) for side in zip(*tracked, strict=True)) if tracked else ({}, {})
    if not names_a or not names_b:
        return None, None, None
    from trackeval.metrics import HOTA

    data: dict[str, Any] = {
        "gt_ids": [np.array([names_a[one.who] for one in a], int) for a, _ in tracked],
        "tracker_ids": [np.array([names_b[one.who] for one in b], int) for _, b in tracked],
        "similarity_scores": [
            matrix if (a, b) == (list(all_a), list(all_b)) else iou_matrix(a, b)
            for (a, b), (all_a, all_b), matrix in zip(tracked, pairs, overlaps, strict=True)
        ],
        "num_gt_ids": len(names_a),
        "num_tracker_ids": len(names_b),
        "num_gt_dets": sum(len(a) for a, _ in tracked),
        "num_tracker_dets": sum(len(b) for _, b in tracked),
    }
    result = HOTA().eval_sequence(data)
    return tuple(float(np.mean(result[name])) for name in ("HOTA", "DetA", "AssA"))  # type: ignore[return-value]


def _numbers(frames: Iterable[Sequence[Seen]]) -> dict[str, int]:
    names = dict.fromkeys(one.who for boxes in frames for one in boxes)
    return {name: number for number, name in enumerate(names)}
