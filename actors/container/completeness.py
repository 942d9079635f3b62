"""Decides how much of a video may be missing before its result is an error."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from schemas.errors import SoundTruncated, Truncated, VaengineError
from schemas.media.audio import SAMPLE_RATE
from schemas.media.frames import Ints
from schemas.media.video import Video

MAX_LISTED = 10  # The most frames or stretches that a warning lists.
# Seconds of missing sound that are worth a warning: a header that promises less than this too much is
# inexact.
MIN_GAP_S = 0.05
# Broadcast streams are sent without a pause: a hole in their pictures or sound is a loss.
UNBROKEN = frozenset({"mpegts", "mpeg"})
MIN_STEPS = 8  # From frame to frame, to know their rate.
MIN_CONSTANT_SHARE = 0.9  # Share of equal steps from which a rate is constant.


@dataclass(frozen=True, slots=True)
class Completeness:
    """Whether lost frames are a warning or a failure."""

    warning: str | None = None
    error: VaengineError | None = None

    def noting(self, more: str) -> Completeness:
        """The same decision with one more warning."""
        return replace(self, warning="; ".join(filter(None, (self.warning, more))))


def picture_completeness(video: Video, lost: list[int], wanted: int, max_lost: float) -> Completeness:
    """Decides on frames that were promised and are absent.

    Up to `max_lost` (a share) of the promised frames, and at least one, are a warning that lists them. More
    are `Truncated`. `wanted` is the number of frames that were to be decoded: fewer than all where only
    sampled frames are.
    """
    count = len(lost) + video.index.missing
    promised = min(video.frame_count, wanted + video.index.missing)
    if not count:
        return Completeness()
    if count > max(1, math.floor(max_lost * promised)) or count >= promised:
        return Completeness(error=Truncated(video.path, count, promised))
    listed = ", ".join(str(frame) for frame in lost[:MAX_LISTED])
    more = ", ..." if len(lost) > MAX_LISTED else ""
    absent = (
        f"; {video.index.missing} more are promised by the header but not in the file"
        if video.index.missing
        else ""
    )
    return Completeness(
        warning=f"{count} of {promised} frames lost: {listed + more or 'none by number'}{absent}"
    )


def hole_note(video: Video, pts: Ints) -> str | None:
    """A line that lists the stretches without a picture; None where there are none.

    `pts` int64 are the times of all frames in order. Only broadcast streams with a constant rate have
    holes: elsewhere a picture may be shown for long.
    """
    steps = np.diff(pts)
    if video.container not in UNBROKEN or len(steps) < MIN_STEPS:
        return None
    usual = float(np.median(steps))
    if float((np.abs(steps - usual) <= usual / 10).mean()) < MIN_CONSTANT_SHARE:
        return None
    holes = np.flatnonzero(steps > 1.5 * usual)
    if not len(holes):
        return None
    missing_s = float((steps[holes] - usual).sum() * float(video.time_base))
    stretches = [
        f"{video.time_s(round(int(pts[frame]) + usual)):.2f} s to {video.time_s(int(pts[frame + 1])):.2f} s"
        for frame in holes[:MAX_LISTED].tolist()
    ]
    more = ", ..." if len(holes) > MAX_LISTED else ""
    return f"{missing_s:.2f} s are without pictures: {', '.join(stretches)}{more}"


def audio_completeness(video: Video, lost: int, max_lost: float) -> Completeness:
    """Decides on sound that was promised and is absent, as for frames, by its length.

    `lost` are samples at `SAMPLE_RATE`. What the header promises beyond the last packet is added to them.
    """
    sound = video.sound
    lost_s = lost / SAMPLE_RATE + (sound.missing_s if sound else 0.0)
    promised_s = (sound.duration_s + sound.missing_s) if sound else 0.0
    if lost_s < MIN_GAP_S:
        return Completeness()
    if lost_s > max(1.0, max_lost * promised_s) or lost_s >= promised_s:
        return Completeness(error=SoundTruncated(video.path, round(lost_s, 1), round(promised_s, 1)))
    return Completeness(
        warning=f"{lost_s:.2f} of {promised_s:.1f} s of its sound are missing and were taken for silence"
    )
