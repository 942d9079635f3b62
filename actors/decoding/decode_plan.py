"""Which stretches of a chunk have to be decoded where only its sampled frames are wanted."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np

from actors.container.stream_reader import DecodeRange
from actors.decoding.sampling import Bools, sampled_in
from schemas.media.frames import Ints
from schemas.work.chunk import ChunkSpec

# Frames to be left out from which on seeking is cheaper than reading their packets unused: about 10 us a
# packet and 0.05 to 4 ms a seek.
SEEK_FRAMES: Final = 128


def decode_ranges(pts: Ints, wanted: Bools, keyframes: Ints, entry_pts: int | None) -> list[DecodeRange]:
    """A run for each group of pictures with a wanted frame, in order.

    `pts` int64 of the frames of a chunk, in presentation order, and a mask over them; `keyframes` int64 pts
    of those after the first frame at which decoding may begin; `entry_pts` is the keyframe that governs the
    first frame, None for the beginning of the file.
    """
    inside = keyframes[(keyframes > pts[0]) & (keyframes <= pts[-1])] if len(pts) else keyframes[:0]
    borders = [0, *np.searchsorted(pts, inside).tolist(), len(pts)]
    found: list[DecodeRange] = []
    last = 0  # the frame after the last one wanted so far
    for group, (first, stop) in enumerate(pairwise(borders)):
        chosen = np.flatnonzero(wanted[first:stop]) + first
        if not len(chosen):
            continue
        entry = entry_pts if group == 0 else int(pts[first])
        is_far = first - last >= SEEK_FRAMES or not found
        found.append(DecodeRange(entry, tuple(pts[chosen].tolist()), seeks=entry is not None and is_far))
        last = int(chosen[-1]) + 1
    return found


def wanted_in(spec: ChunkSpec) -> Bools:
    """The mask of the frames that a chunk with an exact index must give: all of them, or those that are
    sampled.
    """
    return np.ones(spec.frame_count, bool) if spec.every_frame else sampled_in(spec)


def missing_from(spec: ChunkSpec, seen: list[int]) -> tuple[int, ...]:
    """Numbers of a chunk's wanted frames that are not among those `seen`; none are known where the index
    is not exact.
    """
    if not len(spec.pts):
        return ()
    expected = spec.first_frame + np.flatnonzero(wanted_in(spec))
    return tuple(np.setdiff1d(expected, seen).tolist())
