"""Decides which frames models see: the first shown in each interval of 1/fps seconds.

Intervals count from the first frame.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from schemas.media.frames import Ints
from schemas.work.chunk import ChunkSpec, Sampling

Bools = npt.NDArray[np.bool_]


def interval_of(pts: Ints, *, origin: int, time_base: Fraction, fps: Fraction) -> Ints:
    """Number of the interval of 1/`fps` seconds since `origin` in which each frame is shown.

    Exact at any size of the numbers.
    """
    ratio = time_base * fps
    since = np.asarray(pts, np.int64) - origin
    if len(since) and int(np.abs(since).max()) * ratio.numerator >= 2**63:
        return np.array([int(ticks) * ratio.numerator // ratio.denominator for ticks in since], np.int64)
    return since * ratio.numerator // ratio.denominator


def sampled(pts: Ints, *, origin: int, time_base: Fraction, fps: Fraction, before: int | None) -> Bools:
    """Whether each of these frames, in presentation order, is the first shown in its interval.

    `pts` int64 in units of `time_base`; `before` is the pts of the frame before them, None where they begin
    the video. So the mask of a stretch equals that stretch of the whole video's mask.
    """
    intervals = interval_of(pts, origin=origin, time_base=time_base, fps=fps)
    if before is None:
        previous = intervals[:1] - 1
    else:
        previous = interval_of(np.array([before], np.int64), origin=origin, time_base=time_base, fps=fps)
    new: Bools = np.diff(intervals, prepend=previous) != 0
    return new


def sampled_in(spec: ChunkSpec) -> Bools:
    """A mask of the frames of a chunk with an exact index that any model sees."""
    mask = np.zeros(spec.frame_count, bool)
    for sampling in spec.samplings:
        mask |= sampled_by(spec, sampling)
    return mask


def sampled_by(spec: ChunkSpec, sampling: Sampling) -> Bools:
    """The mask of one of a chunk's samplings."""
    before = int(spec.pts[0]) if spec.before else None
    own = spec.pts[spec.before :]
    return sampled(own, origin=spec.origin_pts, time_base=spec.time_base, fps=sampling.fps, before=before)


@dataclass(slots=True)
class Sampler:
    """The same rule, frame by frame in presentation order, for videos whose index is not exact."""

    origin: int
    time_base: Fraction
    fps: Fraction
    _interval: int | None = field(default=None, init=False)

    def takes(self, pts: int) -> bool:
        interval = (pts - self.origin) * self.time_base * self.fps // 1
        new = interval != self._interval
        self._interval = interval
        return new
