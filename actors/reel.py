"""One video stream of a file, read from any keyframe; damage is skipped and noted, never raised."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from itertools import chain
from typing import Any, Final

from actors.container import demuxed, opened
from schemas.errors import NoVideoStream

MAX_NOTES: Final = 4  # lines of decoder complaints kept per chunk
HELD_BYTES: Final = 64 << 20  # packets kept back while looking for the last keyframe before a frame


class Reel:
    """A stream of a file, open for decoding with `threads` threads; a context manager.

    With one thread nothing runs beside the caller: least memory, and damage conceals itself the same way every time. Raises `Unreadable`
    or `NotAVideo` on entry, `Unreadable` later if the file vanishes.
    """

    def __init__(self, path: str, stream_index: int, *, threads: int = 1) -> None:
        self._path = path
        self._stream_index = stream_index
        self._threads = threads
        self._complaints: list[tuple[int | None, str]] = []
        self._opened: AbstractContextManager[Any] | None = None

    def __enter__(self) -> Reel:
        self._open()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._opened is not None:
            self._opened.__exit__(None, None, None)
            self._opened = None

    def notes(self, start: int, end: int) -> tuple[str, ...]:
        """Distinct complaints about what is shown in [start, end) or at an unknown time: the most frequent ones, each with its count."""
        counts = Counter(text for pts, text in self._complaints if pts is None or start <= pts < end)
        return tuple(f"{text} ({count}x)" if count > 1 else text for text, count in counts.most_common(MAX_NOTES))

    def note(self, complaint: str, pts: int | None = None) -> None:
        self._complaints.append((pts, complaint))

    @property
    def is_disturbed(self) -> bool:
        """Whether anything since the last start was damaged."""
        return bool(self._complaints)

    def from_start(self) -> Iterator[Any]:
        """Every picture (`av.VideoFrame`) of the stream, in presentation order; the file is opened anew."""
        self.__exit__()
        self._open()
        self._complaints.clear()
        return self._decoded(demuxed(self._container, self._stream, self.note))

    def from_keyframe(self, pts: int, *, back: int = 0) -> Iterator[Any] | None:
        """Pictures from the last keyframe at or before `pts`, looked for from `back` units of the time base earlier on.

        None where the seek led past it or cannot be done, or the keyframe does not come out by itself. Seeking in transport and program
        streams is a guess by position in the file that mostly lands within a group of pictures, so packets are read, undecoded, up to the
        keyframe.
        """
        from av.error import FFmpegError

        self._complaints.clear()
        try:
            self._container.seek(pts - back, stream=self._stream, backward=True)
        except FFmpegError:
            return None
        packets = demuxed(self._container, self._stream, self.note)
        held = last_keyframe_before(packets, pts)
        if not held:
            return None
        keyframe, pictures = held[0].pts, self._decoded(_chained(held, packets))
        first = next((picture for picture in pictures if picture.pts is not None and picture.pts >= keyframe), None)
        return chain([first], pictures) if first is not None and first.pts == keyframe else None

    def _open(self) -> None:
        self._opened = opened(self._path)
        self._container = self._opened.__enter__()
        if self._stream_index >= len(self._container.streams):
            raise NoVideoStream(self._path)
        self._stream = self._container.streams[self._stream_index]
        self._stream.codec_context.thread_count = self._threads
        self._stream.thread_type = "NONE" if self._threads == 1 else "AUTO"

    def _decoded(self, packets: Iterable[Any]) -> Iterator[Any]:
        for packet in packets:
            yield from self._pictures(packet)
        yield from self._pictures(None)

    def _pictures(self, packet: Any) -> list[Any]:
        from av.error import EOFError as EndOfFile
        from av.error import FFmpegError

        try:
            pictures: list[Any] = self._stream.codec_context.decode(packet)
        except EndOfFile:
            return []
        except FFmpegError as error:
            self.note(f"packet skipped: {error.strerror}", packet and packet.pts)
            return []
        for picture in pictures:
            if picture.is_corrupt:
                self.note("picture damaged, gaps concealed", picture.pts)
        return pictures


def last_keyframe_before(packets: Iterator[Any], pts: int) -> list[Any]:
    """Packets from the last keyframe shown at or before `pts` on, as far as they had to be read to know it; none if there is no such one.

    No packet decoded after `pts` can be shown before it, so reading stops there.
    """
    held: list[Any] = []
    size = 0
    for packet in packets:
        if packet.is_keyframe and packet.pts is not None and packet.pts <= pts:
            held, size = [], 0
        elif not held:
            if packet.is_keyframe:
                return []
            continue
        held.append(packet)
        size += packet.size
        if size > HELD_BYTES or (packet.dts is not None and packet.dts >= pts):
            break
    return held


def _chained(held: list[Any], packets: Iterator[Any]) -> Iterator[Any]:
    while held:
        yield held.pop(0)
    yield from packets
