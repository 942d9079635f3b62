"""Writes a video's sound beside new frames.

It is copied packet by packet if the file may hold its codec, else encoded as AAC.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, Final

from actors.container.audio_clock import on_one_clock
from actors.container.channel_layout import channels_of
from actors.container.container import demuxed

# Codecs that players play from such files; both formats can hold more.
COPIED_CODECS: Final[Mapping[str, frozenset[str]]] = {
    "mp4": frozenset({"aac", "ac3", "alac", "eac3", "flac", "mp3", "opus"}),
    "matroska": frozenset(
        {"aac", "ac3", "alac", "eac3", "flac", "mp2", "mp3", "opus", "pcm_s16le", "vorbis"}
    ),
}
AAC_RATES: Final = frozenset({8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000})
DEFAULT_RATE: Final = 48000


def is_copied(stream: Any, file_format: str) -> bool:
    """Whether a stream's packets go into the file as they are.

    Matroska needs AAC's configuration ahead of the sound; a transport stream has it in every packet only.
    """
    name = stream.codec_context.codec.canonical_name
    return name in COPIED_CODECS[file_format] and not (
        file_format == "matroska" and name == "aac" and not stream.codec_context.extradata
    )


class AudioWriter:
    """Writes a stream of an open container into another.

    It is written from `zero_s` (source time, which becomes 0) to `end_s`. `up_to` is called with rising
    times, so that sound and frames are interleaved in the file.
    """

    def __init__(
        self,
        container: Any,
        stream: Any,
        output: Any,
        file_format: str,
        *,
        zero_s: Fraction,
        end_s: Fraction | None,
        restarts: Sequence[tuple[int, int]] = (),
    ) -> None:
        self._container, self._stream, self._output, self._restarts = container, stream, output, restarts
        channels = channels_of(stream).count
        self._zero_s, self._end_s = zero_s, end_s
        self._last: int | None = None
        if is_copied(stream, file_format):
            self._track, pieces = output.add_stream_from_template(stream), self._copied()
        else:
            self._track, pieces = _add_aac_stream(output, stream, channels), self._encoded()
        self._packets_to_write = pieces
        self._next: Any = None

    def up_to(self, time_s: Fraction | None) -> None:
        """Write the sound before `time_s`, in the time of the new file; all the rest for None."""
        while True:
            if self._next is None:
                self._next = next(self._packets_to_write, None)
            if self._next is None or (time_s is not None and _start_s(self._next) >= time_s):
                return
            self._output.mux(self._next)
            self._next = None

    def _packets(self) -> Iterator[Any]:
        """The packets of the range with rising times that count from zero."""
        shift = round(self._zero_s / self._stream.time_base)
        # One sample: the new file counts in samples.
        min_step = math.ceil(1 / ((self._stream.codec_context.sample_rate or 1) * self._stream.time_base))
        for packet in on_one_clock(demuxed(self._container, self._stream), self._restarts):
            pts = packet.pts if packet.pts is not None else packet.dts
            if pts is None:
                pts = 0 if self._last is None else self._last + shift + (packet.duration or 1)
            if self._end_s is not None and pts * self._stream.time_base >= self._end_s:
                return
            starts_early = (
                pts + (packet.duration or 0)
            ) * self._stream.time_base <= self._zero_s and pts - shift + (packet.duration or 0) < 0
            if starts_early:
                continue
            packet.pts = pts - shift
            packet.dts = packet.pts if self._last is None else max(packet.pts, self._last + min_step)
            packet.pts = self._last = packet.dts
            yield packet

    def _copied(self) -> Iterator[Any]:
        for packet in self._packets():
            packet.stream = self._track
            yield packet

    def _encoded(self) -> Iterator[Any]:
        from av.error import FFmpegError

        for packet in self._packets():
            try:
                frames = self._stream.codec_context.decode(packet)
            except FFmpegError:  # damage becomes a gap, as in a player
                continue
            for frame in frames:
                yield from self._track.encode(frame)
        yield from self._track.encode(None)


def _add_aac_stream(output: Any, stream: Any, channels: int) -> Any:
    source = stream.codec_context
    rate = source.sample_rate if source.sample_rate in AAC_RATES else DEFAULT_RATE
    track = output.add_stream("aac", rate=rate)
    track.codec_context.layout = "mono" if channels == 1 else "stereo"
    track.codec_context.bit_rate = 160_000
    return track


def _start_s(packet: Any) -> Fraction:
    return Fraction(packet.dts * packet.time_base)
