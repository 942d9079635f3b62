"""What a file of another tool says, before anything is known of the videos that it is about.

All frames count from 0, all boxes are in pixels of the picture that the file was made of, all times are
seconds from the first frame. Readers do the arithmetic of their formats.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final, Literal

from schemas.annotations.annotation import BBox

PERSONS: Final = frozenset({"person"})  # the labels of boxes in files of tools that do not list any


@dataclass(frozen=True, slots=True)
class FrameBox:
    """A box in one frame. `time_s` is the frame's time where the file says one.

    `is_keyframe` is False for a box that the tool put between two that a person drew.
    """

    frame: int
    bbox: BBox
    confidence: float | None = None
    is_keyframe: bool = True
    time_s: float | None = None

    def __post_init__(self) -> None:
        if self.frame < 0:
            raise ValueError(f"frame {self.frame} is before the first")
        if not (self.bbox.width >= 0 and self.bbox.height >= 0):
            raise ValueError(f"frame {self.frame} has a box of {self.bbox.width} x {self.bbox.height}")


@dataclass(frozen=True, slots=True)
class ImportedTrack:
    """Boxes of one person or thing; `track_id` None for boxes of single frames that are in no track.

    Between two boxes of one segment the box moves in a straight line; between segments nothing is there.
    `name` is what a person called it.
    """

    track_id: str | None
    label: str
    segments: tuple[tuple[FrameBox, ...], ...]
    name: str | None = None

    @property
    def boxes(self) -> tuple[FrameBox, ...]:
        return tuple(box for segment in self.segments for box in segment)


@dataclass(frozen=True, slots=True)
class ImportedEvent:
    """Something that lasts from `start_s` to `end_s`, or happens at `start_s` (`end_s` None).

    `group` is where the tool keeps it, such as a tier, and may say of what kind it is. `subject` is whom it
    is about.
    """

    label: str
    start_s: float
    end_s: float | None = None
    subject: str | None = None
    group: str | None = None
    text: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.end_s is not None and self.end_s < self.start_s:
            raise ValueError(f"{self.label!r} cannot begin at {self.start_s} s and end at {self.end_s} s")


@dataclass(frozen=True, slots=True)
class FrameCount:
    """How a file counts frames.

    `index`: the nth frame of the file is the nth picture that is decoded. `clock`: frame n is whatever is
    shown at n / `fps` seconds. `fps` and `frames` (how many there are) are None where the file does not say.
    """

    by: Literal["index", "clock"] = "index"
    fps: Fraction | None = None
    frames: int | None = None


@dataclass(frozen=True, slots=True)
class ImportedVideo:
    """All that a file says of one video.

    `name` is the video's file name as the file has it, empty for none, and `part` what the tool calls this
    part of its file, such as an observation. `labels` are the words of boxes that
    the file could have used, so that none of them is an answer too. `picture` is the width and height that
    boxes are in, None where boxes are in shares of the picture (0 to 1) or the file does not say.
    """

    name: str
    part: str = ""
    tracks: tuple[ImportedTrack, ...] = ()
    events: tuple[ImportedEvent, ...] = ()
    counting: FrameCount = FrameCount()
    picture: tuple[int, int] | None = None
    is_relative: bool = False
    duration_s: float | None = None
    labels: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """A file that was read: its format, and its videos in order."""

    format: str
    videos: tuple[ImportedVideo, ...]
