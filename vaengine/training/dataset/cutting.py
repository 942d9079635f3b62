"""Cuts the pictures of candidates out of a video, once: into files that a dataset takes or drops."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from schemas.media.frames import Pixels
from schemas.media.video import Video
from vaengine.exporting.pictures import frames_of, jpeg
from vaengine.training.dataset.candidate import Candidate
from vaengine.training.dataset.duplicates import picture_hash

CUT: Final = ".cut"  # the folder of pictures that are not yet in their place


@dataclass(frozen=True, slots=True)
class CutPicture:
    """A candidate's picture: a JPEG file, and its hash of 64 bits."""

    candidate: Candidate
    path: Path
    hash: int


def cut(video: Video, candidates: Sequence[Candidate], folder: Path) -> Iterator[CutPicture]:
    """Cut out the pictures of one video's candidates, in order; frames that cannot be decoded are left out.

    One picture is in memory at a time.
    """
    by_frame: dict[int, list[Candidate]] = {}
    for candidate in candidates:
        by_frame.setdefault(candidate.frame, []).append(candidate)
    folder.mkdir(parents=True, exist_ok=True)
    for frame, pixels in frames_of(video, sorted(by_frame)):
        for number, candidate in enumerate(by_frame[frame]):
            part = _part(pixels, candidate)
            path = folder / f"{video.video_id}_{frame:06d}_{number}.jpg"
            path.write_bytes(jpeg(part))
            yield CutPicture(candidate, path, picture_hash(part))


def _part(pixels: Pixels, candidate: Candidate) -> Pixels:
    if candidate.crop is None:
        return pixels
    height, width = pixels.shape[:2]
    left, top, right, bottom = candidate.crop
    rows = slice(int(top * height), max(int(top * height) + 1, round(bottom * height)))
    columns = slice(int(left * width), max(int(left * width) + 1, round(right * width)))
    return np.ascontiguousarray(pixels[rows, columns])
