"""Decodes chunks with decord, where decord gives the right frames.

decord 0.6.0 is unmaintained and carries FFmpeg 4.1. Where it goes wrong it does so silently. It takes a
keyframe's place in decoding order for its frame number, so that after a seek pictures are off by the frames
that lead the keyframe. It counts the hidden frames of an edit list. In transport and program streams it
drops the first pictures. So it is compared with our own index before it is used.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Final

import cv2
import numpy as np

from actors.container.container import formats_of, opened
from actors.container.frame import DecodedFrame
from actors.container.orientation import stored
from actors.decoding.decode_plan import missing_from, wanted_in
from actors.probing.probe import probe
from schemas.errors import DecoderRefuses, Unreadable
from schemas.media.frames import Floats
from schemas.media.video import Video
from schemas.paths import is_url
from schemas.work.chunk import ChunkSpec

NAME: Final = "decord"
CONTAINERS: Final = frozenset({"mov", "mp4", "matroska", "webm", "avi"})
# The contract suite proves these.
CODECS: Final = frozenset({"h264", "hevc", "mpeg4", "mjpeg", "vp8", "vp9", "prores", "ffv1"})


class DecordDecoder:
    """Iterates over the `DecodedFrame`s of a chunk as `ChunkDecoder` does, decoded by decord.

    It runs `threads` threads. Raises `DecoderRefuses` for files that decord cannot be trusted with
    (`refusal`) and for damage; `Unreadable` and other errors of the probe where the file has gone or
    changed. Damage that decord conceals is not reported.
    """

    def __init__(self, spec: ChunkSpec, *, threads: int = 1) -> None:
        self.spec = spec
        self.notes: tuple[str, ...] = ()
        self._threads = threads
        self._decoded: list[int] = []

    @property
    def lost(self) -> tuple[int, ...]:
        """Numbers of wanted frames that gave no picture; empty once the decoder has come to its end."""
        return missing_from(self.spec, self._decoded)

    def __iter__(self) -> Iterator[DecodedFrame]:
        self._decoded = []
        reason = refusal(self.spec.path)
        if reason is not None:
            raise DecoderRefuses(self.spec.path, NAME, reason)
        with _quiet():
            reader = _reader(self.spec.path, self._threads)
        make = self._frame_maker()
        for number in self._numbers(len(reader)):
            is_trailing = number == self.spec.first_frame + self.spec.frame_count
            frame = make(number, self._picture(reader, number), is_trailing=is_trailing)
            if not is_trailing:
                self._decoded.append(number)
            yield frame

    def _numbers(self, in_file: int) -> Iterator[int]:
        """Numbers of the wanted frames, then of the trailing one."""
        first, end = self.spec.first_frame, self.spec.first_frame + self.spec.frame_count
        yield from (np.flatnonzero(wanted_in(self.spec)) + first).tolist()
        if self.spec.every_frame and end < in_file:
            yield end

    def _picture(self, reader: Any, number: int) -> Any:
        """The displayed picture, H x W x 3 uint8 RGB.

        Within a group of pictures decord decodes on from its present position.
        """
        try:
            return reader[number].asnumpy()
        except (_decord().DECORDError, StopIteration) as error:
            raise DecoderRefuses(
                self.spec.path, NAME, f"frame {number} is damaged ({_message(error)})"
            ) from error

    def _frame_maker(self) -> Any:
        import av
        from av.video.reformatter import VideoReformatter

        spec, reformatter = self.spec, VideoReformatter()
        native = (spec.height, spec.width) if spec.rotation % 180 else (spec.width, spec.height)
        pts = [*spec.pts[spec.before :].tolist(), spec.end_pts]

        def make(number: int, displayed: Any, *, is_trailing: bool) -> DecodedFrame:
            # decord has turned the picture.
            picture = cv2.cvtColor(stored(displayed, spec.rotation), cv2.COLOR_RGB2BGR)
            image = av.VideoFrame.from_numpy_buffer(picture, format="bgr24")
            return DecodedFrame(
                number,
                pts[number - spec.first_frame],
                is_trailing,
                spec.rotation,
                spec.mirrored,
                *native,
                image,
                reformatter,
            )

        return make


def refusal(path: str) -> str | None:
    """Why decord cannot be trusted with a file, in a few words; None where it can.

    The answer is the same for every chunk of the file. Raises what `probe` raises.
    """
    if is_url(path):
        return "it reads local files only"
    try:
        status = os.stat(path)  # noqa: PTH116  # one call for size and time
    except OSError as error:
        raise Unreadable(path, error.strerror or str(error)) from error
    return _refusal(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=256)
def _refusal(path: str, size: int, mtime_ns: int) -> str | None:  # a changed file is judged again
    with opened(path) as container:
        formats, streams = formats_of(container), len(container.streams.video)
    video = probe(path, fingerprint=NAME)
    return _known_reason(video, formats, streams) or _index_difference(video)


def _known_reason(video: Video, formats: frozenset[str], streams: int) -> str | None:
    """Reasons that are known without opening the file in decord."""
    reason = None
    if not formats & CONTAINERS:
        reason = f"it gives wrong pictures of {video.container} files, or none"
    elif video.codec not in CODECS:
        reason = f"{video.codec} is no coding it is known to decode rightly"
    elif streams > 1:
        reason = f"it chooses one of {streams} video streams by itself"
    elif video.mirrored:
        reason = "it does not mirror pictures"
    elif not video.index.exact:
        reason = "the file does not tell when each frame is shown"
    elif video.index.missing:
        reason = "the file is truncated"
    return reason


def _index_difference(video: Video) -> str | None:
    """Where decord's own index of a file differs from ours."""
    try:
        errors = (_decord().DECORDError, RuntimeError)
    except (ImportError, OSError):
        return "it is not installed (there is one for x86-64 Linux only)"
    try:
        with _quiet():
            reader = _reader(video.path, 1)
    except errors as error:
        return f"it cannot open it ({_message(error)})"
    ours: Floats = (video.index.pts - video.start_pts) * np.float64(video.time_base)
    reason = None
    if len(reader) != len(video.index):
        reason = f"it counts {len(reader)} frames where {len(video.index)} are shown"
    elif reader.get_key_indices() != video.index.keyframes.tolist():
        reason = "it would begin at other frames than the keyframes at which decoding may begin"
    elif bool(
        (np.abs(reader.get_frame_timestamp(range(len(reader)))[:, 0] - ours) > _tolerance_s(ours)).any()
    ):
        reason = "its frames have other times than those of the file"
    return reason


def _tolerance_s(times_s: Floats) -> float:
    """Half the least distance of two frames, or the error of decord's single-precision times."""
    return max(float(np.diff(times_s).min(initial=1.0)) / 2, float(np.spacing(np.float32(times_s[-1]))))


def _reader(path: str, threads: int) -> Any:
    decord = _decord()
    decord.logging.set_level(decord.logging.QUIET)
    return decord.VideoReader(path, ctx=decord.cpu(0), num_threads=threads)


def _decord() -> Any:
    return importlib.import_module("decord")


def _message(error: Exception) -> str:
    """The last line of decord's error, without its place in decord's source."""
    return str(error).split("Stack trace")[0].strip().rsplit("\n", 1)[-1].rsplit("] ", 1)[-1][:120]


@contextmanager
def _quiet() -> Iterator[None]:
    """Silences the process's stderr.

    decord writes to it where it cannot open a file, whatever its log level.
    """
    saved, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)
