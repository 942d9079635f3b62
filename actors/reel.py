"""One video stream of a file, read from any keyframe; damage is skipped and noted, never raised."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from itertools import chain
from typing import Any, Final

from actors.probe import opened
from schemas.errors import NoVideoStream, Unreadable

MAX_NOTES: Final = 4  # lines of decoder complaints kept per chunk
MAX_BROKEN_READS: Final = 64  # demuxer errors in a row before the rest of the file is given up
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
        self._complaints: Counter[str] = Counter()
        self.is_disturbed = False  # whether anything since the last start was damaged
        self._opened: AbstractContextManager[Any] | None = None

    def __enter__(self) -> Reel:
        self._open()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._opened is not None:
            self._opened.__exit__(None, None, None)
            self._opened = None

    @property
    def notes(self) -> tuple[str, ...]:
        """Distinct complaints of the demuxer and decoder, the most frequent ones, each with its count."""
        return tuple(f"{text} ({count}x)" if count > 1 else text for text, count in self._complaints.most_common(MAX_NOTES))

    def note(self, complaint: str) -> None:
        self._complaints[complaint] += 1
        self.is_disturbed = True

    def forget_notes(self) -> None:
        """Drop complaints about pictures that are not the caller's; `is_disturbed` stays."""
        self._complaints.clear()

    def from_start(self) -> Iterator[Any]:
        """Every picture (`av.VideoFrame`) of the stream, in presentation order; the file is opened anew."""
        self.__exit__()
        self._open()
        self._restarted()
        return self._decoded(self._packets())

    def from_keyframe(self, pts: int, *, back: int = 0) -> Iterator[Any] | None:
        """Pictures from the last keyframe at or before `pts`, looked for from `back` units of the time base earlier on.

        None where the seek led past it or cannot be done, or the keyframe does not come out by itself. Seeking in transport and program
        streams is a guess by position in the file that mostly lands within a group of pictures, so packets are read, undecoded, up to the
        keyframe.
        """
        from av.error import FFmpegError

        self._restarted()
        try:
            self._container.seek(pts - back, stream=self._stream, backward=True)
        except FFmpegError:
            return None
        packets = self._packets()
        held = last_keyframe_before(packets, pts)
        if not held:
            return None
        keyframe, pictures = held[0].pts, self._decoded(_chained(held, packets))
        first = next((picture for picture in pictures if picture.pts is not None and picture.pts >= keyframe), None)
        return chain([first], pictures) if first is not None and first.pts == keyframe else None

    def _restarted(self) -> None:
        self._complaints.clear()
        self.is_disturbed = False

    def _open(self) -> None:
        self._opened = opened(self._path)
        self._container = self._opened.__enter__()
        if self._stream_index >= len(self._container.streams):
            raise NoVideoStream(self._path)
        self._stream = self._container.streams[self._stream_index]
        self._stream.codec_context.thread_count = self._threads
        self._stream.thread_type = "NONE" if self._threads == 1 else "AUTO"

    def _packets(self) -> Iterator[Any]:
        """The stream's packets; the empty ones that flush a decoder are left out."""
        from av.error import EOFError as EndOfFile
        from av.error import FFmpegError

        broken = 0
        while broken < MAX_BROKEN_READS:
            try:
                for packet in self._container.demux(self._stream):
                    if packet.size:
                        broken = 0
                        yield packet
                return
            except EndOfFile:
                return
            except OSError as error:
                raise Unreadable(self._path, error.strerror or str(error)) from error
            except FFmpegError as error:  # the demuxer can go on behind the damage
                broken += 1
                self.note(f"container: {error.strerror}")

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
            self.note(f"packet skipped: {error.strerror}")
            return []
        for picture in pictures:
            if picture.is_corrupt:
                self.note("picture damaged, gaps concealed")
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
