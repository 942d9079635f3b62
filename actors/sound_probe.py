"""What a file has of sound, from packets that pass by while its pictures are indexed: nothing is read twice, nothing decoded."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final

from actors.promised_length.riff import wav_length_s
from schemas.sound import Sound

LEAST_GAP_S: Final = 0.05  # a header that promises less than this much more is only inexact
SAMPLE_TABLES: Final = frozenset({"mov", "mp4"})  # containers whose header lists every packet


@dataclass(slots=True)
class Ears:
    """Takes the packets of sound out of a file's; `streams` are those to be demuxed beside the pictures, one or none. All in pts."""

    streams: list[Any]
    _settled: int | None = field(default=None, init=False)  # where the first packet, and what its decoder is told to skip, is over
    _first: int | None = field(default=None, init=False)
    _end: int = field(default=0, init=False)
    _last_dts: int = field(default=0, init=False)
    _usual: int = field(default=0, init=False)  # length of a whole packet

    @classmethod
    def of(cls, container: Any, pictures: Any | None) -> Ears:
        """The best stream of sound that goes with the pictures; none where nothing here can decode it."""
        stream = container.streams.best("audio", related=pictures)
        context = stream.codec_context if stream is not None else None
        return cls([stream] if context is not None and context.sample_rate and context.layout.nb_channels else [])

    def passing(self, packets: Iterable[Any]) -> Iterator[Any]:
        """The packets that are not of sound."""
        for packet in packets:
            if packet.stream in self.streams:
                self.note(packet)
            else:
                yield packet

    def note(self, packet: Any) -> None:
        """A packet of sound; what is flagged as discarded only settles the decoder."""
        began = self._end if packet.pts is None else packet.pts
        skipped, dropped = (self._ticks(samples) for samples in trimming(packet))
        self._usual = max(self._usual, packet.duration or 0)
        end = began + (packet.duration or self._usual)
        if dropped:
            end = min(end, began + self._usual - dropped)  # some demuxers have shortened its duration already
        if self._settled is None:
            self._settled = began + skipped
        if not packet.is_discard:
            self._first = began if self._first is None else min(self._first, began)
            self._end = max(self._end, end)
        self._last_dts = max(self._last_dts, began if packet.dts is None else packet.dts)

    def _ticks(self, samples: int) -> int:
        stream = self.streams[0]
        ticks: Fraction = Fraction(samples, stream.codec_context.sample_rate) / stream.time_base
        return math.ceil(ticks)

    def sound(self, path: str, formats: frozenset[str]) -> Sound | None:
        """Facts of the stream once every packet has passed; None where there is none, or not one packet of it that is heard."""
        if self._first is None or self._settled is None:
            return None
        start = max(self._first, self._settled)
        if self._end <= start:
            return None
        stream = self.streams[0]
        missing_s = float(self._promised(path, formats) - self._end * stream.time_base)
        return Sound(
            stream_index=stream.index,
            codec=stream.codec_context.codec.canonical_name,
            sample_rate=stream.codec_context.sample_rate,
            channels=stream.codec_context.layout.nb_channels,
            time_base=stream.time_base,
            start_pts=start,
            end_pts=self._end,
            missing_s=missing_s if missing_s >= LEAST_GAP_S else 0.0,
        )

    def _promised(self, path: str, formats: frozenset[str]) -> Fraction:
        """When the sound ends as the header says, in seconds of the file's clock; 0 where it does not know."""
        if "wav" in formats:
            return wav_length_s(path)  # FFmpeg corrects it by the file's length
        stream = self.streams[0]
        listed = stream.index_entries if formats & SAMPLE_TABLES and stream.duration else ()
        if not len(listed) or listed[len(listed) - 1].timestamp <= self._last_dts:
            return Fraction(0)
        return Fraction(((stream.start_time or 0) + stream.duration) * stream.time_base)


def trimming(packet: Any) -> tuple[int, int]:
    """Samples that a decoder is told to drop from the beginning and from the end of a packet.

    Source: AV_PKT_DATA_SKIP_SAMPLES of libavcodec, two little-endian 32-bit numbers in front.
    """
    if not packet.has_sidedata("skip_samples"):
        return 0, 0
    first, last = struct.unpack_from("<II", bytes(packet.get_sidedata("skip_samples")))
    return first, last
