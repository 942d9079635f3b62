"""Probes one sound stream from its packets, which pass by while the pictures are indexed.

Nothing is read twice, and hardly anything is decoded.
"""

from __future__ import annotations

import math
import struct
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from actors.container.audio_clock import ClockWatch
from actors.container.channel_layout import channels_of
from actors.container.completeness import MIN_GAP_S
from actors.probing.declared_length.riff import wav_length_s
from schemas.media.audio import AudioStream

SAMPLE_TABLES: Final = frozenset({"mov", "mp4"})  # containers whose header lists every packet


@dataclass(slots=True)
class _Span:
    """What is heard of one segment of the clock, `[first, end)` in pts.

    It begins with the first packet, or later where a decoder is told to skip its beginning.
    """

    first: int | None = None
    end: int = 0


class AudioStreamProbe:
    """Collects facts of one sound stream from its packets as they pass by. All times are in pts."""

    def __init__(self, stream: Any, track: int, pictures: ClockWatch | None) -> None:
        self.stream, self.track = stream, track
        self._channels = channels_of(stream)
        self._clock = ClockWatch(stream.time_base, pictures)
        self._spans: list[_Span] = []
        # Where the first packet, and what its decoder is told to skip, is over.
        self._settled_at: int | None = None
        self._end = 0  # of the packet before
        self._last_dts = 0
        self._usual = 0  # length of a whole packet
        # The last packets: the container may not say how long they are, or be wrong about it.
        self._tail: deque[Any] = deque(maxlen=2)

    @property
    def is_audible(self) -> bool:
        """Whether FFmpeg can decode the stream."""
        return bool(self.stream.codec_context.sample_rate and self._channels.count)

    def note(self, packet: Any) -> None:
        """Adds a packet of sound; a packet that is flagged as discarded only settles the decoder."""
        start = self._end if packet.pts is None else packet.pts
        skipped, dropped = (self._ticks(samples) for samples in trimming(packet))
        self._usual = max(self._usual, packet.duration or 0)
        self._tail.append(packet)
        end = start + (packet.duration or self._usual)
        if dropped:
            end = min(end, start + self._usual - dropped)  # some demuxers have shortened its duration already
        if self._settled_at is None:
            self._settled_at = start + skipped
        self._clock.note(packet.pts, end)
        self._extend_span(start, end, is_discarded=packet.is_discard)
        self._end = max(end, start)
        self._last_dts = max(self._last_dts, start if packet.dts is None else packet.dts)

    def _extend_span(self, start: int, end: int, *, is_discarded: bool) -> None:
        while len(self._spans) < max(1, len(self._clock.segments)):
            self._spans.append(_Span())
        span = self._spans[-1]
        if not is_discarded:
            span.first = start if span.first is None else min(span.first, start)
            span.end = max(span.end, end)

    def _ticks(self, samples: int) -> int:
        ticks: Fraction = (
            Fraction(samples, self.stream.codec_context.sample_rate or 1) / self.stream.time_base
        )
        return math.ceil(ticks)

    def sound(self, path: str, formats: frozenset[str]) -> AudioStream | None:
        """The facts of the stream once every packet has passed; None where none of it is heard."""
        self._measure_tail()
        shifts = self._clock.shifts() or [0]
        spans = [
            (span.first + shift, span.end + shift)
            for span, shift in zip(self._spans, shifts, strict=False)
            if span.first is not None
        ]
        if not spans or self._settled_at is None:
            return None
        start = min(first for first, _ in spans)
        start, end = (
            max(start, self._settled_at + shifts[0]) if self._spans[0].first is not None else start,
            max(end for _, end in spans),
        )
        if end <= start:
            return None
        stream = self.stream
        missing_s = float(self._promised(path, formats) - end * stream.time_base)
        return AudioStream(
            stream_index=stream.index,
            codec=stream.codec_context.codec.canonical_name,
            sample_rate=stream.codec_context.sample_rate,
            channels=self._channels.count,
            time_base=stream.time_base,
            start_pts=start,
            end_pts=end,
            missing_s=missing_s if missing_s >= MIN_GAP_S else 0.0,
            track=self.track,
            language=_language(stream.metadata.get("language")),
            title=stream.metadata.get("title", ""),
            restarts=self._clock.restarts(shifts),
        )

    def _measure_tail(self) -> None:
        """Corrects the end by decoding the last packet, where its duration is unknown or long.

        The declared duration of a short packet holds: containers cut off what an encoder has filled up.
        """
        if not self._tail or not self._spans or self._tail[-1].pts is None:
            return
        last, span, least = self._tail[-1], self._spans[-1], round(MIN_GAP_S / self.stream.time_base)
        if last.duration and last.duration <= least:
            return
        real = self._ticks(decoded_samples(self.stream, self._tail))
        if not last.duration:
            span.end = max(span.end, last.pts + (real or self._usual))
        elif real and span.end == last.pts + last.duration > last.pts + real + least:
            span.end = last.pts + real

    def _promised(self, path: str, formats: frozenset[str]) -> Fraction:
        """The end of the sound in the header, in seconds of the file's clock; 0 where it is unknown."""
        if "wav" in formats:
            return wav_length_s(path)  # FFmpeg corrects it by the file's length
        stream = self.stream
        entries = stream.index_entries if formats & SAMPLE_TABLES and stream.duration else ()
        if not len(entries) or entries[len(entries) - 1].timestamp <= self._last_dts:
            return Fraction(0)
        return Fraction(((stream.start_time or 0) + stream.duration) * stream.time_base)


def _language(language: str | None) -> str:
    """The language of a stream; containers write `und` where it is unknown."""
    return language if language and language != "und" else ""


def decoded_samples(stream: Any, packets: Iterable[Any]) -> int:
    """The number of samples in the last of these packets, by decoding; 0 where it gives none.

    The packets before it settle the decoder.
    """
    from av.error import FFmpegError

    packets = list(packets)
    context = stream.codec_context
    try:
        frames = [frame for packet in (*packets, None) for frame in context.decode(packet)]
    except FFmpegError:
        return 0
    first_s = packets[-1].pts * stream.time_base
    return sum(
        frame.samples
        for frame in frames
        if frame.pts is not None and frame.pts * (frame.time_base or stream.time_base) >= first_s
    )


def trimming(packet: Any) -> tuple[int, int]:
    """Samples that a decoder is told to drop from the beginning and from the end of a packet.

    Source: AV_PKT_DATA_SKIP_SAMPLES of libavcodec, two little-endian 32-bit numbers in front.
    """
    if not packet.has_sidedata("skip_samples"):
        return 0, 0
    first, last = struct.unpack_from("<II", bytes(packet.get_sidedata("skip_samples")))
    return first, last
