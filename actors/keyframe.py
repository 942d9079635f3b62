"""What a keyframe, decoded alone, tells of its stream: PyAV has no other way to it."""

from __future__ import annotations

from typing import Any, Final

from actors.orientation import clockwise

ORIENTED: Final = frozenset({"mov", "mp4", "matroska", "webm"})  # containers that can say which way up
GRADUAL: Final = frozenset({"h264", "hevc", "vvc"})  # codings in which a "keyframe" may be the beginning of a gradual refresh


def decoded_alone(stream: Any, packet: Any) -> Any | None:
    """The one picture (`av.VideoFrame`) of a keyframe packet; None where it gives none without what came before it, or is damaged."""
    from av.error import FFmpegError

    if not stream.codec_context.is_open:
        stream.thread_type, stream.codec_context.thread_count = "NONE", 1
    stream.codec_context.flush_buffers()
    try:
        pictures = [*stream.codec_context.decode(packet), *stream.codec_context.decode(None)]
    except FFmpegError:
        return None  # the decoder of the whole stream will report the damage
    return pictures[0] if pictures else None


def rotation_of(stream: Any, packet: Any, containers: frozenset[str]) -> int:
    """Degrees to turn the stream's pictures clockwise, from its first keyframe; 0 where that cannot be decoded."""
    picture = decoded_alone(stream, packet) if containers & ORIENTED else None
    return clockwise(picture.rotation) if picture is not None else 0


def is_entry(stream: Any, packet: Any) -> bool:
    """Whether decoding may begin at a stream's keyframes, judged by one of them.

    With H.264's intra refresh a stretch of pictures is refreshed strip by strip; the first of them is flagged as a keyframe, but pictures
    are whole only at its end, and not always then.
    """
    if stream.codec_context.codec.canonical_name not in GRADUAL:
        return True
    picture = decoded_alone(stream, packet)
    return picture is not None and picture.pts == packet.pts
