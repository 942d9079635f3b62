"""How much of a video may be missing before its result is none: pure arithmetic."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from schemas.errors import SoundTruncated, Truncated, VaengineError
from schemas.media.audio import SAMPLE_RATE
from schemas.media.frames import Ints
from schemas.media.video import Video

LOST_SHOWN = 10  # frame numbers named in a warning
LEAST_GAP_S = (
    0.05  # of sound, that is worth a word: a header that promises less than this much more is only inexact
)
UNBROKEN = frozenset(
    {"mpegts", "mpeg"}
)  # broadcast streams are sent without a pause: a hole in their pictures or sound is a loss
LEAST_STEPS = 8  # from frame to frame, to know their rate
CONSTANT = 0.9  # share of equal steps from which a rate is constant


@dataclass(frozen=True, slots=True)
class Completeness:
    """Whether lost frames are a warning or a failure."""

    warning: str | None = None
    error: VaengineError | None = None

    def noting(self, more: str) -> Completeness:
        """With one more thing to know about the result."""
        return replace(self, warning="; ".join(filter(None, (self.warning, more))))


def picture_completeness(video: Video, lost: list[int], wanted: int, max_lost: float) -> Completeness:
    """Frames promised but absent: up to `max_lost` of all, and at least one, are a warning that lists them;
    more is `Truncated`.

    `wanted` are those that were to be decoded: fewer than all where only sampled ones are.
    """
    count = len(lost) + video.index.missing
    promised = min(video.frame_count, wanted + video.index.missing)
    if not count:
        return Completeness()
    if count > max(1, math.floor(max_lost * promised)) or count >= promised:
        return Completeness(error=Truncated(video.path, count, promised))
    shown = ", ".join(str(frame) for frame in lost[:LOST_SHOWN]) + (", ..." if len(lost) > LOST_SHOWN else "")
    absent = (
        f"; {video.index.missing} more are promised by the header but not in the file"
        if video.index.missing
        else ""
    )
    return Completeness(warning=f"{count} of {promised} frames lost: {shown or 'none by number'}{absent}")


def hole_note(video: Video, pts: Ints) -> str | None:
    """A line that lists the stretches without a picture; None where there are none.

    `pts` int64 of all frames in order. Only broadcast streams with a constant rate have holes: elsewhere a
    picture may be shown for long.
    """
    steps = np.diff(pts)
    if video.container not in UNBROKEN or len(steps) < LEAST_STEPS:
        return None
    usual = float(np.median(steps))
    if float((np.abs(steps - usual) <= usual / 10).mean()) < CONSTANT:
        return None
    at = np.flatnonzero(steps > 1.5 * usual)
    if not len(at):
        return None
    missing_s = float((steps[at] - usual).sum() * float(video.time_base))
    named = [
        f"{video.time_s(round(int(pts[one]) + usual)):.2f} s to {video.time_s(int(pts[one + 1])):.2f} s"
        for one in at[:LOST_SHOWN].tolist()
    ]
    return f"{missing_s:.2f} s are without pictures: {', '.join(named)}" + (
        ", ..." if len(at) > LOST_SHOWN else ""
    )


def audio_completeness(video: Video, lost: int, max_lost: float) -> Completeness:
    """Sound promised but absent, `lost` samples and what the header speaks of beyond the last packet: as
    for frames, by its length.
    """
    sound = video.sound
    lost_s = lost / SAMPLE_RATE + (sound.missing_s if sound else 0.0)
    promised_s = (sound.duration_s + sound.missing_s) if sound else 0.0
    if lost_s < LEAST_GAP_S:
        return Completeness()
    if lost_s > max(1.0, max_lost * promised_s) or lost_s >= promised_s:
        return Completeness(error=SoundTruncated(video.path, round(lost_s, 1), round(promised_s, 1)))
    return Completeness(
        warning=f"{lost_s:.2f} of {promised_s:.1f} s of its sound are missing and were taken for silence"
    )
