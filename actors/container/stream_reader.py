"""Reads and decodes one video stream of a file from any keyframe; damage is noted, never raised."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, dropwhile
from typing import Any, Final

from actors.container.container import demuxed, opened
from schemas.errors import NoVideoStream

MAX_NOTES: Final = 4  # lines of decoder complaints kept per chunk
MAX_HELD_BYTES: Final = 64 << 20  # packets kept back while looking for the last keyframe before a frame
# How far before a keyframe to seek where a seek right to it led past it.
SEEK_BACK_S: Final = 10
# Codings whose decoders can leave out pictures that no other refers to, and still give all others bit for bit
# (the contract suite holds this).
DROPPING_CODECS: Final = frozenset({"h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4", "vp8"})


class StreamReader:
    """A context manager for one stream of a file, open for decoding with `threads` threads.

    With one thread nothing runs beside the caller: it needs the least memory, and damage is concealed the
    same way every time. Raises `Unreadable` or `NotAVideo` on entry, `Unreadable` later if the file
    vanishes.
    """

    def __init__(self, path: str, stream_index: int, *, threads: int = 1) -> None:
        self._path = path
        self._stream_index = stream_index
        self._threads = threads
        self._complaints: list[tuple[int | None, str]] = []
        self._opened: AbstractContextManager[Any] | None = None

    def __enter__(self) -> StreamReader:
        self._open()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._opened is not None:
            self._opened.__exit__(None, None, None)
            self._opened = None

    def notes(self, start: int, end: int) -> tuple[str, ...]:
        """Distinct complaints about pictures in `[start, end)` or at an unknown time.

        The most frequent ones come first, each with its count; `MAX_NOTES` at most.
        """
        counts = Counter(text for pts, text in self._complaints if pts is None or start <= pts < end)
        return tuple(
            f"{text} ({count}x)" if count > 1 else text for text, count in counts.most_common(MAX_NOTES)
        )

    def note(self, complaint: str, pts: int | None = None) -> None:
        self._complaints.append((pts, complaint))

    @property
    def time_base(self) -> Fraction:
        """The unit of the times of its pictures, in seconds."""
        base: Fraction = self._stream.time_base
        return base

    @property
    def is_damaged(self) -> bool:
        """Whether anything was damaged since decoding last started."""
        return bool(self._complaints)

    def from_start(self) -> Iterator[Any]:
        """Yields every picture (`av.VideoFrame`) in presentation order; opens the file anew."""
        self.__exit__()
        self._open()
        self._complaints.clear()
        return self._decoded(demuxed(self._container, self._stream, self.note))

    def from_keyframe(self, pts: int, *, back: int = 0) -> Iterator[Any] | None:
        """Pictures from the last keyframe at or before `pts` on.

        The seek goes `back` units of the time base before `pts`. None where the seek led past the keyframe
        or cannot be done, or where the keyframe does not decode by itself. Seeking in transport and program
        streams is a guess by position in the file that mostly lands within a group of pictures. So packets
        are read, undecoded, up to the keyframe.
        """
        self._complaints.clear()
        self._stream.codec_context.skip_frame = "DEFAULT"
        packets = self._packets_from(pts, back=back)
        if packets is None:
            return None
        keyframe = next(packets)
        return pictures_from(keyframe.pts, self._decoded(chain([keyframe], packets)))

    def read_ranges(self, ranges: Sequence[DecodeRange]) -> Iterator[Any]:
        """Yields pictures of `ranges` in presentation order, the wanted ones among them.

        Opens the file anew. Unwanted pictures are left undecoded where nothing refers to them: the packets
        between ranges, and within a range the pictures that the decoder may drop. Ends early where a range
        cannot begin at its keyframe.
        """
        self.__exit__()
        self._open()
        self._complaints.clear()
        later, packets = deque(ranges), demuxed(self._container, self._stream, self.note)
        while later:
            decode_range = later.popleft()
            packets = self._packets_of(decode_range, packets)
            pictures = self._pictures_until(set(decode_range.wanted), later, packets)
            from_entry = (
                pictures
                if decode_range.entry_pts is None
                else pictures_from(decode_range.entry_pts, pictures)
            )
            if from_entry is None:
                return
            yield from from_entry

    def _packets_of(self, decode_range: DecodeRange, packets: Iterator[Any]) -> Iterator[Any]:
        """Packets from the keyframe of a range on; no packets, or others, where it cannot be found."""
        if decode_range.entry_pts is None:
            return packets
        if decode_range.seeks:
            back = round(SEEK_BACK_S / self._stream.time_base)
            return (
                self._packets_from(decode_range.entry_pts)
                or self._packets_from(decode_range.entry_pts, back=back)
                or iter(())
            )
        return dropwhile(
            lambda packet: not (packet.is_keyframe and packet.pts == decode_range.entry_pts), packets
        )

    def _pictures_until(
        self, wanted: set[int], later: deque[DecodeRange], packets: Iterator[Any]
    ) -> Iterator[Any]:
        """Pictures up to the last of the `wanted` (pts).

        A later range whose keyframe is passed on the way is included.
        """
        for packet in packets:
            if later and packet.is_keyframe and packet.pts == later[0].entry_pts:
                wanted |= set(later.popleft().wanted)
            self._drop_unless(wanted, packet)
            yield from self._pictures(packet)
            wanted.discard(packet.pts)
            if not wanted:
                break
        yield from self._pictures(None)
        self._stream.codec_context.flush_buffers()

    def _drop_unless(self, wanted: Container[int], packet: Any) -> None:
        """Lets the decoder drop this packet's picture if it is not wanted and no other refers to it."""
        context = self._stream.codec_context
        if context.codec.canonical_name in DROPPING_CODECS:
            context.skip_frame = "DEFAULT" if packet.pts is None or packet.pts in wanted else "NONREF"

    def _packets_from(self, pts: int, *, back: int = 0) -> Iterator[Any] | None:
        """Packets from the last keyframe at or before `pts` on; None where a seek does not lead there."""
        from av.error import FFmpegError

        try:
            self._container.seek(pts - back, stream=self._stream, backward=True)
        except FFmpegError:
            return None
        packets = demuxed(self._container, self._stream, self.note)
        held = last_keyframe_before(packets, pts)
        return _chained(held, packets) if held else None

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


def pictures_from(pts: int, pictures: Iterator[Any]) -> Iterator[Any] | None:
    """Pictures from the one at `pts` on; None where there is no picture at exactly `pts`."""
    first = next((picture for picture in pictures if picture.pts is not None and picture.pts >= pts), None)
    return chain([first], pictures) if first is not None and first.pts == pts else None


def last_keyframe_before(packets: Iterator[Any], pts: int) -> list[Any]:
    """Packets from the last keyframe shown at or before `pts` on; empty if there is no such keyframe.

    Holds the packets that had to be read to find it. No packet decoded after `pts` can be shown before it,
    so reading stops there.
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
        if size > MAX_HELD_BYTES or (packet.dts is not None and packet.dts >= pts):
            break
    return held


def _chained(held: list[Any], packets: Iterator[Any]) -> Iterator[Any]:
    while held:
        yield held.pop(0)
    yield from packets


@dataclass(frozen=True, slots=True)
class DecodeRange:
    """One stretch of decoding: from a keyframe until all wanted pictures have been decoded.

    `entry_pts` is the time of the keyframe, None for the beginning of the file. `wanted` are the times
    (pts) of the pictures. `seeks`: the keyframe is reached by a seek; else packets are read up to it,
    undecoded.
    """

    entry_pts: int | None
    wanted: tuple[int, ...]
    seeks: bool
