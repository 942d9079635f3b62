"""What is asked of the process that decodes, and what it says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from schemas.media.video import Video

Corners = tuple[float, float, float, float]  # left, top, right, bottom


@dataclass(frozen=True, slots=True)
class PictureOrder:
    """The frame of a video at a time, at most `width` pixels wide; of a `box` in it only what is around."""

    video: Video
    time_s: float
    width: int
    box: Corners | None = None


@dataclass(frozen=True, slots=True)
class PreviewOrder:
    """A preview of a whole video, at most `height` pixels high, as the file `target`."""

    video: Video
    target: Path
    height: int


@dataclass(frozen=True, slots=True)
class PreviewProgress:
    """How many of the frames are written."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Failed:
    """Why there is none, on one line."""

    message: str
