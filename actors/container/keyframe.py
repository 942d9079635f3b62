"""Decodes single keyframes to learn the orientation of a stream and where decoding may begin.

PyAV has no other way to either.
"""

from __future__ import annotations

from typing import Any, Final

from actors.container.orientation import Orientation
from actors.container.parameter_sets import header_parameters, sequence_parameters

# Containers that can declare an orientation.
ORIENTED_CONTAINERS: Final = frozenset({"mov", "mp4", "matroska", "webm"})
# Codings that can declare one: ITU-T H.264 D.1.27, H.265 D.2.17, display orientation.
ORIENTED_CODECS: Final = frozenset({"h264", "hevc"})
# Codings in which a "keyframe" may be the beginning of a gradual refresh.
GRADUAL_REFRESH_CODECS: Final = frozenset({"h264", "hevc", "vvc"})


def decoded_alone(stream: Any, packet: Any) -> Any | None:
    """The one picture (`av.VideoFrame`) of a keyframe packet.

    None where the packet gives no picture without those before it, or is damaged.
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


def _orientation_of(picture: Any) -> Orientation:
    """The orientation of a decoded picture.

    It comes from the angle of the display matrix alone where PyAV does not hand out the matrix.
    """
    try:
        matrix = picture.side_data.get("DISPLAYMATRIX")
    # PyAV 18 gives no side data of a picture where some is of an unknown kind, such as EXIF.
    except ValueError:
        return Orientation.of_angle(picture.rotation)
    return Orientation() if matrix is None else Orientation.of_matrix(bytes(matrix))


class EntryPoints:
    """Finds whether decoding may begin at a stream's keyframes.

    It looks at all packets as they pass by, and decodes one keyframe alone. Decoding may not begin at
    keyframes where coding parameters change on the way (`actors.container.parameter_sets`), nor with
    H.264's intra refresh: there a run of pictures is refreshed strip by strip. Its first picture is flagged
    as a keyframe, but pictures are whole only at its end, and not always then.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._codec = stream.codec_context.codec.canonical_name
        self._parameters, self._length_bytes = header_parameters(stream.codec_context.extradata)
        self._keyframes: list[Any] = []  # the first two
        self._header_changes = False

    def observe(self, packet: Any) -> Any:
        """Looks at a packet and returns it unchanged."""
        if packet.is_keyframe:
            if len(self._keyframes) < 2:
                self._keyframes.append(packet)
            if self._codec == "h264":
                self._parameters |= sequence_parameters(bytes(packet), self._length_bytes)
        self._header_changes |= packet.has_sidedata("new_extradata")
        return packet

    def orientation(self, containers: frozenset[str]) -> Orientation:
        """The orientation of the stream's pictures; as stored where its first keyframe cannot be decoded."""
        may_be_declared = containers & ORIENTED_CONTAINERS or self._codec in ORIENTED_CODECS
        picture = (
            decoded_alone(self._stream, self._keyframes[0]) if self._keyframes and may_be_declared else None
        )
        return Orientation() if picture is None else _orientation_of(picture)

    def are_safe(self) -> bool:
        if self._header_changes or (self._codec == "h264" and len(self._parameters) > 1):
            return False
        if self._codec not in GRADUAL_REFRESH_CODECS or len(self._keyframes) < 2:
            return True
        picture = decoded_alone(self._stream, self._keyframes[1])
        return picture is not None and picture.pts == self._keyframes[1].pts
