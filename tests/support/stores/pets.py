"""Clips of PETS09-S2L1 with the true boxes of its people, as two videos and files of CVAT."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from tests.support.stores.tool_files import Box, cvat, cvat_track

FPS, SIZE = 7, (768, 576)


@dataclass(frozen=True)
class TrueClip:
    """A clip of its own, and a file of CVAT about it."""

    path: Path
    boxes: Path


def clip(sequence: Path, folder: Path, name: str, first: int, stop: int) -> TrueClip:
    """The frames `[first, stop)` of the sequence, which count from 0."""
    path = folder / f"{name}.mp4"
    _encode(sequence / "video.mp4", path, first, stop)
    tracks = _tracks(sequence / "gt" / "gt.txt", first, stop)
    drawn = [cvat_track(number, _with_gaps(boxes, stop - first)) for number, boxes in sorted(tracks.items())]
    text = cvat(*drawn, source=path.name, frames=stop - first, size=SIZE)
    (folder / f"{name}.xml").write_text(text, encoding="utf-8")
    return TrueClip(path, folder / f"{name}.xml")


def _encode(source: Path, path: Path, first: int, stop: int) -> None:
    with av.open(str(source)) as opened, av.open(str(path), "w") as written:
        stream: Any = written.add_stream("libx264", rate=FPS, options={"qp": "8", "preset": "ultrafast"})
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        for number, frame in enumerate(opened.decode(video=0)):
            if first <= number < stop:
                frame.pts, frame.time_base = number - first, Fraction(1, FPS)
                written.mux(stream.encode(frame))
        written.mux(stream.encode(None))


def _tracks(truth: Path, first: int, stop: int) -> Mapping[int, dict[int, Box]]:
    """Boxes by track and frame; the file counts frames and pixels from 1."""
    found: dict[int, dict[int, Box]] = {}
    for line in truth.read_text(encoding="ascii").split():
        frame, track, left, top, width, height = (float(part) for part in line.split(",")[:6])
        if first < frame <= stop:
            box = left - 1, top - 1, width, height
            found.setdefault(int(track), {})[int(frame) - 1 - first] = box
    return found


def _with_gaps(boxes: Mapping[int, Box], frames: int) -> list[tuple[int, Box | None]]:
    """The boxes of a track by frame, None where it goes out of sight."""
    placed: list[tuple[int, Box | None]] = []
    for frame in sorted(boxes):
        placed.append((frame, boxes[frame]))
        if frame + 1 < frames and frame + 1 not in boxes:
            placed.append((frame + 1, None))
    return placed
