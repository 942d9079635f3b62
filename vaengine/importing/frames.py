"""Checks frames, times and pictures of a file against the video, and says which stored frame is meant."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

import numpy as np

from schemas.annotations.annotation import BBox
from schemas.errors import UsageError, WrongFrameRate, WrongVideo
from schemas.media.frames import Floats
from schemas.media.video import Video
from vaengine.importing.document import FrameBox, ImportedVideo

RATE_TOLERANCE: Final = 0.005  # relative, between a rate and another that is meant to be the same
LENGTH_TOLERANCE_S: Final = 0.5  # tools round lengths, and containers tell several
LENGTH_TOLERANCE: Final = 0.01  # relative
SHAPE_TOLERANCE: Final = 0.01  # relative, between the shapes of two pictures
ROUNDING_S: Final = 0.001


class VideoFrames:
    """The frames of a stored video, as the boxes and events of a file mean them.

    `fps` is the rate in which the file counts, where a person says so; it is then not compared with the
    video's. Raises `WrongFrameRate` and `WrongVideo` where the file does not fit.
    """

    def __init__(self, file: str, imported: ImportedVideo, video: Video, fps: Fraction | None = None) -> None:
        self._file, self._imported, self._video = file, imported, video
        self._given, self._counting = fps, imported.counting
        ticks = video.index.pts - video.start_pts
        self.times_s: Floats = np.asarray(ticks * float(video.time_base), np.float64)
        self._check_rate()
        self._check_length()
        self._check_boxes()
        self._scale = self._scale_of_picture()

    # What is asked of it.

    def frame_of(self, box: FrameBox) -> int:
        """The stored frame that a box is in."""
        by_clock = self._counting.by == "clock" or self._given is not None
        return self._shown_at(box.frame / float(self._rate())) if by_clock else box.frame

    def start_s(self, frame: int) -> float:
        """When a frame is shown, the very number that the machine's rows have."""
        return self._video.time_s(int(self._video.index.pts[frame]))

    def end_s(self, frame: int) -> float:
        """When the next frame is shown, or the video ends."""
        return self.start_s(frame + 1) if frame + 1 < len(self.times_s) else self._video.duration_s

    def frame_at(self, time_s: float) -> int | None:
        """The frame that is shown at a time; None without pictures."""
        if not len(self.times_s):
            return None
        return max(0, int(np.searchsorted(self.times_s, time_s + ROUNDING_S, "right")) - 1)

    def box_of(self, box: BBox) -> BBox:
        """A box in pixels of the displayed picture."""
        across, down = self._scale
        return BBox(box.x * across, box.y * down, box.width * across, box.height * down)

    @property
    def notes(self) -> Iterator[str]:
        """Lines about what was assumed."""
        size = self._imported.picture
        if size is not None and self._scale != (1.0, 1.0):
            yield (
                f"boxes were drawn in a picture of {size[0]} x {size[1]}, and are scaled to "
                f"{self._video.width} x {self._video.height}"
            )
        if not self._video.index.exact and len(self.times_s):
            yield "the video does not say when its frames are shown: frames are counted as they are decoded"

    # Rates.

    def _rate(self) -> Fraction:
        rate = self._given or self._counting.fps
        if rate is None:
            raise UsageError(
                f"{self._file} does not say how many frames a second it counts: give --fps, "
                f"{self._video_rate()} if it is the video's; nothing was imported"
            )
        return rate

    def _video_rate(self) -> str:
        return f"{float(self._video.nominal_fps):.6g}"

    def _rates_of_video(self) -> list[float]:
        """Frames a second: the one that is meant, and the mean."""
        rates = [float(self._video.nominal_fps)]
        if len(self.times_s) > 1:
            rates.append((len(self.times_s) - 1) / float(self.times_s[-1] - self.times_s[0]))
        return [rate for rate in rates if rate > 0]

    def _check_rate(self) -> None:
        rate = self._counting.fps
        if self._given is None and rate is not None and self._video.has_pictures:
            near = [one for one in self._rates_of_video() if abs(float(rate) / one - 1) <= RATE_TOLERANCE]
            last = max((box.frame for box in self._boxes()), default=0)
            drift = min((abs(last / float(rate) - last / one) * one for one in near), default=np.inf)
            if not near or (self._counting.by == "clock" and drift > 0.5):
                raise self._wrong_rate(float(rate), last)

    def _wrong_rate(self, rate: float, frame: int) -> WrongFrameRate:
        shown = self.start_s(min(frame, len(self.times_s) - 1)) if len(self.times_s) else 0.0
        what = f"frame {frame} would be at {frame / rate:.3f} s, and is shown at {shown:.3f} s"
        rates = f"{rate:.6g} frames a second, but {self._video.path} has {self._video_rate()}"
        return WrongFrameRate(self._file, rates, what)

    # Lengths and frames.

    def _boxes(self) -> Iterator[FrameBox]:
        return (box for track in self._imported.tracks for box in track.boxes)

    def _check_boxes(self) -> None:
        boxes, count = list(self._boxes()), len(self.times_s)
        if not boxes:
            return
        if not count:
            raise self._wrong("it has boxes, and the video has no pictures")
        last = max(box.frame for box in boxes)
        if self._counting.by == "clock" or self._given is not None:
            if last / float(self._rate()) >= self._video.duration_s + ROUNDING_S:
                at_s = last / float(self._rate())
                raise self._wrong(
                    f"frame {last} is at {at_s:.3f} s, and the video ends at {self._ends_s:.3f} s"
                )
        elif last >= count:
            raise self._wrong(f"it has a box in frame {last}, and the video has {count} frames")
        self._check_times(boxes)

    def _check_times(self, boxes: list[FrameBox]) -> None:
        """Times that the file says of its frames are those of the video, to half a frame."""
        half_s = self._half_frame_s()
        for box in boxes:
            if (
                box.time_s is None
                or not box.frame
                or abs(self.start_s(self.frame_of(box)) - box.time_s) <= half_s
            ):
                continue
            if box.time_s > 0:
                raise self._wrong_rate(box.frame / box.time_s, box.frame)
            raise self._wrong(f"frame {box.frame} is at {box.time_s:.3f} s")

    @property
    def _ends_s(self) -> float:
        sound = self._video.sound
        sound_s = self._video.sound_start_s + sound.samples / 16_000 if sound else 0.0
        return max(self._video.duration_s, sound_s)

    def _check_length(self) -> None:
        frames, length_s, known = self._counting.frames, self._imported.duration_s, self._video.frame_count
        if self._counting.by == "index" and frames and known and frames > known:
            raise self._wrong(f"it counts {frames} frames, and the video has {known}")
        allowed_s = max(LENGTH_TOLERANCE_S, LENGTH_TOLERANCE * self._ends_s)
        lengths = (self._ends_s, self._video.duration_s)
        if length_s is not None and min(abs(length_s - one) for one in lengths) > allowed_s:
            raise self._wrong(f"it is for {length_s:.3f} s, and the video has {self._ends_s:.3f} s")
        for event in self._imported.events:
            end_s = event.start_s if event.end_s is None else event.end_s
            if end_s > self._ends_s + allowed_s or event.start_s < -allowed_s:
                raise self._wrong(
                    f"{event.label!r} is from {event.start_s:.3f} to {end_s:.3f} s, and the video has "
                    f"{self._ends_s:.3f} s"
                )

    def _shown_at(self, time_s: float) -> int:
        """The frame that is shown half a frame after a time: rates are rounded, so that it is just before."""
        at_s = time_s + self._half_frame_s()
        return max(0, int(np.searchsorted(self.times_s, at_s, "right")) - 1)

    def _half_frame_s(self) -> float:
        return 0.5 / max(self._rates_of_video())

    # Pictures.

    def _scale_of_picture(self) -> tuple[float, float]:
        width, height, picture = self._video.width, self._video.height, self._imported.picture
        if self._imported.is_relative:
            return float(width), float(height)
        if picture is None:
            self._check_inside()
            return 1.0, 1.0
        if not self._video.has_pictures or picture == (width, height):
            return 1.0, 1.0
        across, down = width / picture[0], height / picture[1]
        if abs(across / down - 1) > SHAPE_TOLERANCE:
            turned = ": it was annotated without its rotation" if picture == (height, width) else ""
            raise self._wrong(
                f"its boxes are in a picture of {picture[0]} x {picture[1]}, and the video is shown as "
                f"{width} x {height}{turned}"
            )
        return across, down

    def _check_inside(self) -> None:
        for box in self._boxes():
            if box.bbox.x >= self._video.width or box.bbox.y >= self._video.height:
                raise self._wrong(
                    f"frame {box.frame} has a box at {box.bbox.x:g}, {box.bbox.y:g}, and the picture has "
                    f"{self._video.width} x {self._video.height}"
                )

    def _wrong(self, what: str) -> WrongVideo:
        return WrongVideo(self._file, self._video.path, what)
