"""Writes a video file: H.264 frames with their exact times, and the sound of the source beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, Final

from schemas.errors import UsageError
from schemas.media.frames import Pixels
from vaengine.rendering.audio_writer import AudioWriter

ENCODER: Final = "libx264"
FORMATS: Final = {".mp4": "mp4", ".m4v": "mp4", ".mkv": "matroska"}
BT709: Final = 1  # AVColorSpace, AVColorPrimaries, AVColorTransferCharacteristic alike
LIMITED_RANGE: Final = 1  # AVColorRange


@dataclass(frozen=True, slots=True)
class VideoCoding:
    """How frames are encoded: even `width` x `height`, times in `time_base`.

    `pixel_aspect` is the shape of a pixel, None for square.
    """

    width: int
    height: int
    time_base: Fraction
    fps: Fraction
    crf: int
    pixel_aspect: Fraction | None = None
    preset: str = "veryfast"

    def __post_init__(self) -> None:
        if self.width % 2 or self.height % 2:
            raise ValueError(f"yuv420p needs even sizes, got {self.width} x {self.height}")


def format_of(path: Path) -> str:
    """The container format for a file's extension; raises `UsageError`."""
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        raise UsageError(
            f"{path.name} does not end in {', '.join(FORMATS)}: those are the videos that can be written"
        ) from None


def check_encoder() -> None:
    """Raises `UsageError` where FFmpeg has no H.264 encoder."""
    import av

    if ENCODER not in av.codecs_available:
        raise UsageError(
            f"no H.264 encoder: PyAV's FFmpeg here has no {ENCODER}; install PyAV from its own wheels (pip "
            "install --force-reinstall av)"
        )


class VideoWriter:
    """Writes frames in the order they are shown.

    `sound_from` comes before the first frame, if there is sound.
    """

    def __init__(self, output: Any, file_format: str, coding: VideoCoding) -> None:
        self._output, self._format, self._coding = output, file_format, coding
        self._stream = _video_stream(output, coding)
        self._sound: AudioWriter | None = None
        self._durations: dict[int, int] = {}  # of frames in the encoder, by pts: it does not keep them

    def sound_from(
        self,
        container: Any,
        stream: Any,
        *,
        zero_s: Fraction,
        end_s: Fraction | None,
        restarts: Sequence[tuple[int, int]] = (),
    ) -> None:
        """Write sound of an open container from `zero_s` of its time, which becomes 0, to `end_s`.

        `restarts` is as in `schemas.media.audio.AudioStream`.
        """
        self._sound = AudioWriter(
            container, stream, self._output, self._format, zero_s=zero_s, end_s=end_s, restarts=restarts
        )

    def add(self, picture: Pixels, pts: int, duration: int) -> None:
        """Write `picture`, H x W x 3 uint8 BGR, at `pts` for `duration`, in the coding's time base."""
        import av

        image = av.VideoFrame.from_ndarray(picture, format="bgr24")
        frame = image.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
        frame.pts, frame.time_base = pts, self._coding.time_base
        self._durations[pts] = duration
        self._write(self._stream.encode(frame))

    def finish(self) -> None:
        """Write what the encoder still holds, and the rest of the sound."""
        self._write(self._stream.encode(None))
        if self._sound is not None:
            self._sound.up_to(None)

    def _write(self, packets: list[Any]) -> None:
        for packet in packets:
            packet.duration = self._durations.pop(packet.pts)
            if self._sound is not None:
                self._sound.up_to(packet.dts * packet.time_base)
            self._output.mux(packet)


@contextmanager
def video_writer(
    file: BinaryIO, file_format: str, coding: VideoCoding, tags: Mapping[str, str]
) -> Iterator[VideoWriter]:
    """Context manager that writes a video with tags into an open file.

    The file is complete when it is left without an error.
    """
    import av

    output = av.open(file, "w", format=file_format)
    output.metadata.update(tags)
    try:
        writer = VideoWriter(output, file_format, coding)
        yield writer
        writer.finish()
    except BaseException:
        with suppress(av.error.FFmpegError):  # closing writes too; its failure must not hide the cause
            output.close()
        raise
    output.close()


def _video_stream(output: Any, coding: VideoCoding) -> Any:
    # Without B-frames, frames are stored in the order they are shown, each with its own duration. mp4 keeps
    # only durations between decoding times.
    options = {"crf": str(coding.crf), "preset": coding.preset, "bf": "0"}
    stream = output.add_stream(ENCODER, rate=coding.fps, options=options)
    context = stream.codec_context
    context.width, context.height, context.pix_fmt = coding.width, coding.height, "yuv420p"
    context.time_base = stream.time_base = coding.time_base
    context.colorspace = context.color_primaries = context.color_trc = BT709
    context.color_range = LIMITED_RANGE
    if coding.pixel_aspect is not None:
        context.sample_aspect_ratio = coding.pixel_aspect
    return stream
