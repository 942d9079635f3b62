"""What a keyframe, decoded alone, tells of its stream: PyAV has no other way to it."""

from __future__ import annotations

from typing import Any, Final

from actors.container.orientation import Orientation
from actors.container.parameter_sets import header_parameters, sequence_parameters

ORIENTED: Final = frozenset({"mov", "mp4", "matroska", "webm"})  # containers that can say which way up
ORIENTING: Final = frozenset(
    {"h264", "hevc"}
)  # codings that can: ITU-T H.264 D.1.27, H.265 D.2.17, display orientation
GRADUAL: Final = frozenset(
    {"h264", "hevc", "vvc"}
)  # codings in which a "keyframe" may be the beginning of a gradual refresh


def decoded_alone(stream: Any, packet: Any) -> Any | None:
    """The one picture (`av.VideoFrame`) of a keyframe packet; None where it gives none without what came
    before it, or is damaged.
    """
    from av.error import FFmpegError

    if not stream.codec_context.is_open:
        stream.thread_type, stream.codec_context.thread_count = "NONE", 1
    stream.codec_context.flush_buffers()
    try:
        pictures = [*stream.codec_context.decode(packet), *stream.codec_context.decode(None)]
    except FFmpegError:
        return None  # the decoder of the whole stream will report the damage
    return pictures[0] if pictures else None


def _oriented(picture: Any) -> Orientation:
    """How a decoded picture is shown; by the angle of its display matrix alone where PyAV refuses to hand
    that over.
    """
    try:
        matrix = picture.side_data.get("DISPLAYMATRIX")
    # PyAV 18 gives none of a picture's side data where some is of a kind that it does not know, such as EXIF
    except ValueError:
        return Orientation.of_angle(picture.rotation)
    return Orientation() if matrix is None else Orientation.of_matrix(bytes(matrix))


class Entries:
    """Judges whether decoding may begin at a stream's keyframes, from packets as they pass by and from one
    keyframe decoded alone.

    It may not where coding parameters change on the way (`actors.container.parameter_sets`), nor with H.264's
    intra refresh: there a stretch of pictures is refreshed strip by strip; the first of them is flagged as a
    keyframe, but pictures are whole only at its end, and not always then.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._codec = stream.codec_context.codec.canonical_name
        self._parameters, self._length_bytes = header_parameters(stream.codec_context.extradata)
        self._keyframes: list[Any] = []  # the first two
        self._header_changes = False

    def seen(self, packet: Any) -> Any:
        """The packet itself, once it has been looked at."""
        if packet.is_keyframe:
            if len(self._keyframes) < 2:
                self._keyframes.append(packet)
            if self._codec == "h264":
                self._parameters |= sequence_parameters(bytes(packet), self._length_bytes)
        self._header_changes |= packet.has_sidedata("new_extradata")
        return packet

    def orientation(self, containers: frozenset[str]) -> Orientation:
        """Which way up the stream's pictures are shown; as they are stored where its first keyframe
        cannot be decoded.
        """
        is_told = containers & ORIENTED or self._codec in ORIENTING
        picture = decoded_alone(self._stream, self._keyframes[0]) if self._keyframes and is_told else None
        return Orientation() if picture is None else _oriented(picture)

    def are_safe(self) -> bool:
        if self._header_changes or (self._codec == "h264" and len(self._parameters) > 1):
            return False
        if self._codec not in GRADUAL or len(self._keyframes) < 2:
            return True
        picture = decoded_alone(self._stream, self._keyframes[1])
        return picture is not None and picture.pts == self._keyframes[1].pts
