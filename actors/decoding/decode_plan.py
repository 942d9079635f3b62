"""Plans which ranges of a chunk to decode where only its sampled frames are wanted."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np

from actors.container.stream_reader import DecodeRange
from actors.decoding.sampling import Bools, sampled_in
from schemas.media.frames import Ints
from schemas.work.chunk import ChunkSpec

# From so many skipped frames on seeking is cheaper than reading their packets unused: about 10 us a packet,
# and 0.05 to 4 ms a seek.
SEEK_FRAMES: Final = 128


def decode_ranges(pts: Ints, wanted: Bools, keyframes: Ints, entry_pts: int | None) -> list[DecodeRange]:
    """A range for each group of pictures with a wanted frame, in order.

    `pts` int64 are the times of the frames of a chunk, in presentation order, and `wanted` is a mask over
    them. `keyframes` int64 are the pts of frames after the first at which decoding may begin. `entry_pts`
    is the keyframe that governs the first frame, None for the beginning of the file.
    """
    inside = keyframes[(keyframes > pts[0]) & (keyframes <= pts[-1])] if len(pts) else keyframes[:0]
    borders = [0, *np.searchsorted(pts, inside).tolist(), len(pts)]
    ranges: list[DecodeRange] = []
    last = 0  # the frame after the last one wanted so far
    for group, (first, stop) in enumerate(pairwise(borders)):
        frames = np.flatnonzero(wanted[first:stop]) + first
        if not len(frames):
            continue
        entry = entry_pts if group == 0 else int(pts[first])
        is_far = first - last >= SEEK_FRAMES or not ranges
        ranges.append(DecodeRange(entry, tuple(pts[frames].tolist()), seeks=entry is not None and is_far))
        last = int(frames[-1]) + 1
    return ranges


def wanted_in(spec: ChunkSpec) -> Bools:
    """A mask of the frames that a chunk with an exact index must give: all, or the sampled ones."""
    return np.ones(spec.frame_count, bool) if spec.every_frame else sampled_in(spec)


def missing_from(spec: ChunkSpec, decoded: list[int]) -> tuple[int, ...]:
    """Numbers of a chunk's wanted frames that are not in `decoded`; empty where the index is not exact."""
    if not len(spec.pts):
        return ()
    expected = spec.first_frame + np.flatnonzero(wanted_in(spec))
    return tuple(np.setdiff1d(expected, decoded).tolist())
