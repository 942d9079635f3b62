"""Decodes a stretch of sound at 16 kHz, one channel: the same samples wherever it is cut."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise, takewhile
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from actors.container.audio_clock import on_one_clock
from actors.container.channel_layout import Channels, channels_of
from actors.container.completeness import UNBROKEN
from actors.container.container import demuxed, formats_of, opened
from schemas.errors import NoSoundStream, UnknownCoding
from schemas.media.audio import SAMPLE_RATE, AudioStream
from schemas.media.frames import Floats32

Bools = npt.NDArray[np.bool_]

# Each segment is given to a decoder of its own: AAC's fills bands with noise that depends on all it has
# decoded.
SEGMENT_S: Final = 20
# Decoded ahead of a segment: codecs need up to a quarter of a second to settle.
PREROLL_S: Final = 1
MARGIN_S: Final = 0.1  # Decoded around the requested stretch, for the filter of the resampler.
# A frame that starts so close to the end of the one before follows on it: times in milliseconds are not
# exact.
JITTER_S: Final = 0.02
_SEGMENT_SAMPLES: Final = SEGMENT_S * SAMPLE_RATE
# Samples per second. A header that claims more is damaged, and 20 s of it would take gigabytes.
MAX_SAMPLE_RATE: Final = 1_536_000
# FFmpeg's name of a layout of which only the number of channels is known ends so.
UNPLACED_LAYOUT: Final = " channels"
# Raw streams, in which a seek guesses the time: their packets are read from the beginning.
GUESSED_TIME_FORMATS: Final = frozenset({"mp3", "aac"})


def decoded(path: str, sound: AudioStream, first: int, stop: int) -> tuple[Floats32, Bools]:
    """Decodes samples `[first, stop)` since the first sample of the sound.

    Returns float32 samples in -1..1, and a bool mask of those that are lost. Zeros stand for what was lost
    to damage, for stretches of time without any packet, and for what lies outside the sound. Only samples
    lost to damage are marked as lost, and in broadcast streams also stretches without a packet. A segment
    of `SEGMENT_S` is decoded the same whatever stretch is requested, and begins at a native sample that
    falls on the 16 kHz grid. So the samples are bit for bit the same wherever the sound is cut. Channels
    are mixed and rates converted by libswresample. Raises `Unreadable`, `NotAVideo`, `NoSoundStream` where
    the file has gone or changed, `UnknownCoding` at an impossible rate.
    """
    if sound.sample_rate > MAX_SAMPLE_RATE:
        raise UnknownCoding(path, "its sound", f"its header claims {sound.sample_rate:,} samples a second")
    margin = math.ceil(MARGIN_S * SAMPLE_RATE)
    segments = range((first - margin) // _SEGMENT_SAMPLES, -(-(stop + margin) // _SEGMENT_SAMPLES))
    native, lost = _segments(path, sound, segments)
    begin = segments.start * _SEGMENT_SAMPLES
    wanted = np.arange(first, stop)
    samples = _resampled(native, sound.sample_rate)[wanted - begin]
    is_inside = (wanted >= 0) & (wanted < sound.samples)
    is_lost = lost[(wanted - begin) * sound.sample_rate // SAMPLE_RATE] & is_inside
    return np.where(is_inside, samples, np.float32(0)), is_lost


def _resampled(native: Floats32, rate: int) -> Floats32:
    """Whole segments at 16 kHz, as many samples as they last."""
    import av

    if rate == SAMPLE_RATE:
        return native.clip(-1, 1)
    resampler = av.AudioResampler("flt", "mono", SAMPLE_RATE)
    frame = av.AudioFrame.from_ndarray(native[None], "flt", "mono")
    frame.sample_rate = rate
    pieces = [piece.to_ndarray()[0] for piece in (*resampler.resample(frame), *resampler.resample(None))]
    padded = np.zeros(len(native) // rate * SAMPLE_RATE, np.float32)
    samples = np.concatenate(pieces)[: len(padded)]
    padded[: len(samples)] = samples.clip(-1, 1)
    return padded


def _segments(path: str, sound: AudioStream, segments: range) -> tuple[Floats32, Bools]:
    """Native samples of consecutive segments, and which of them were lost to damage.

    Silence stands outside the sound.
    """
    length = SEGMENT_S * sound.sample_rate
    track = _Track(segments.start * length, len(segments) * length)
    low, high = max(0, segments.start * SEGMENT_S - PREROLL_S), segments.stop * SEGMENT_S
    if high <= 0 or segments.start * SEGMENT_S >= sound.duration_s:
        return track.samples, track.lost
    with opened(path) as container:
        packets = _sought(container, sound, low, high)
        if packets is not None:
            _fill(track, path, packets, sound, segments)
            return track.samples, track.lost
    with opened(path) as container:
        _fill(track, path, list(_until(container, sound, high)), sound, segments)
    return track.samples, track.lost


def _sought(container: Any, sound: AudioStream, low_s: float, high_s: float) -> list[Any] | None:
    """Packets of `[low_s, high_s)` since the first sample; None where a seek does not lead there."""
    from av.error import FFmpegError

    if low_s <= 0 or sound.restarts or formats_of(container) & GUESSED_TIME_FORMATS:
        return None
    low = sound.start_pts + math.floor(low_s / sound.time_base)
    try:
        container.seek(low, stream=_stream(container, sound), backward=True)
    except FFmpegError:
        return None
    packets = list(_until(container, sound, high_s))
    return packets if packets and (packets[0].pts is None or packets[0].pts <= low) else None


def _until(container: Any, sound: AudioStream, high_s: float) -> Iterator[Any]:
    """Packets of the sound from the container's present position up to `high_s` since the first sample."""
    high = sound.start_pts + math.ceil(high_s / sound.time_base)
    packets = on_one_clock(demuxed(container, _stream(container, sound)), sound.restarts)
    return takewhile(lambda packet: packet.pts is None or packet.pts < high, packets)


def _stream(container: Any, sound: AudioStream) -> Any:
    """The stream of the sound; the container discards all other streams where it can."""
    from av.stream import Discard

    for stream in container.streams:
        stream.discard = Discard.default if stream.index == sound.stream_index else Discard.all
    if sound.stream_index >= len(container.streams) or container.streams[sound.stream_index].type != "audio":
        raise NoSoundStream(container.name)
    return container.streams[sound.stream_index]


class _Track:
    """Native samples `[first, first + length)`, filled frame by frame."""

    def __init__(self, first: int, length: int) -> None:
        self._first = first
        self.samples = np.zeros(length, np.float32)
        self._is_filled, self._is_damaged = np.zeros(length, bool), np.zeros(length, bool)

    @property
    def lost(self) -> Bools:
        return self._is_damaged & ~self._is_filled

    def put(self, at: int, piece: Floats32, within: range) -> None:
        """Puts the part of a frame that lies in `within` and is not there yet.

        `at` is the position of the frame's first sample.
        """
        low, high = max(at, within.start), min(at + len(piece), within.stop)
        if low < high:
            place = slice(low - self._first, high - self._first)
            is_new = ~self._is_filled[place]
            self.samples[place][is_new] = piece[low - at : high - at][is_new]
            self._is_filled[place] = True

    def damage(self, start: int, stop: int, within: range) -> None:
        """Marks native samples `[start, stop)` as damaged; they are lost unless other packets fill them."""
        low, high = max(start, within.start), min(stop, within.stop)
        self._is_damaged[max(0, low - self._first) : max(0, high - self._first)] = True


def _fill(track: _Track, path: str, packets: list[Any], sound: AudioStream, segments: range) -> None:
    """Decodes each segment from its own packets, whatever else has been read."""
    timed = _timed(packets, sound)
    for segment in segments:
        within = range(segment * SEGMENT_S * sound.sample_rate, (segment + 1) * SEGMENT_S * sound.sample_rate)
        preroll = PREROLL_S * sound.sample_rate
        own = [entry for entry in timed if within.start - preroll <= entry[0] < within.stop]
        with opened(path) as container:
            if formats_of(container) & UNBROKEN:
                _note_holes(track, own, sound, within)
            if own:
                stream = _stream(container, sound)
                mono = _Mono(sound.sample_rate, channels_of(stream))
                _decode(track, _decoder(stream, own[0][2]), mono, own, sound, within)


def _note_holes(track: _Track, timed: list[tuple[int, int, Any]], sound: AudioStream, within: range) -> None:
    """Marks stretches without packets as damaged.

    They lie between the beginning of the segment and its first packet, between packets, and between the
    last packet and the end of the segment or of the sound.
    """
    beginning, end = max(0, within.start), min(within.stop, round(sound.duration_s * sound.sample_rate))
    for (_, before, _), (at, _, _) in pairwise([(0, beginning, None), *timed, (end, 0, None)]):
        if at - before > JITTER_S * sound.sample_rate:
            track.damage(before, at, within)


def _decoder(stream: Any, packet: Any) -> Any:
    """A decoder that has decoded one packet.

    A new decoder drops what Opus has in front, wherever in the sound it begins.
    """
    from av.error import FFmpegError

    stream.thread_type, stream.codec_context.thread_count = "NONE", 1
    with suppress(FFmpegError):  # the error is reported when the packet is decoded for good
        stream.codec_context.decode(packet)
    stream.codec_context.flush_buffers()
    return stream.codec_context


def _timed(packets: list[Any], sound: AudioStream) -> list[tuple[int, int, Any]]:
    """Packets with the native positions of their first sample and of the sample after their last.

    A packet without a time follows on the packet before. A packet of unknown length lasts until the next
    one.
    """
    timed: list[tuple[int, int, Any]] = []
    following = 0
    for packet in packets:
        at = following if packet.pts is None else _place(packet.pts, sound.time_base, sound)
        if timed and not timed[-1][2].duration:
            timed[-1] = (timed[-1][0], max(at, timed[-1][1]), timed[-1][2])
        following = at + round((packet.duration or 0) * sound.time_base * sound.sample_rate)
        timed.append((at, following, packet))
    return timed


def _place(pts: int, time_base: Any, sound: AudioStream) -> int:
    place: int = round((pts * time_base - sound.start) * sound.sample_rate)
    return place


def _decode(
    track: _Track,
    decoder: Any,
    mono: _Mono,
    timed: list[tuple[int, int, Any]],
    sound: AudioStream,
    within: range,
) -> None:
    """Decodes one segment's packets and puts the samples where they belong."""
    from av.error import FFmpegError

    jitter = round(JITTER_S * sound.sample_rate)
    following: int | None = None
    for at, after, packet in [*timed, (timed[-1][1], timed[-1][1], None)]:
        try:
            decoded_frames = [(frame, mono.pieces(frame)) for frame in decoder.decode(packet)]
        except FFmpegError:
            track.damage(at, after, within)
            decoded_frames = []
        for frame, pieces in decoded_frames:
            # A flushed frame may have no time.
            place = at if frame.pts is None else _place(frame.pts, frame.time_base or sound.time_base, sound)
            if following is None or (frame.pts is not None and abs(place - following) > jitter):
                following = place
            for piece in pieces:
                track.put(following, piece, within)
                following += len(piece)


class _Mono:
    """Mixes frames whose layout may change to one channel of native rate, float32 in -1..1."""

    def __init__(self, rate: int, channels: Channels) -> None:
        self._rate, self._order, self._kind = rate, channels.order, ("", "", 0)
        self._resampler: Any = None

    def pieces(self, frame: Any) -> list[Floats32]:
        """The mixed samples of a frame; raises `FFmpegError` where it cannot be mixed."""
        from av.error import FFmpegError

        frame = _in_order(frame, self._order)
        try:
            return self._mixed(frame)
        except FFmpegError:
            # A resampler that has failed once returns nothing from then on.
            self._kind = ("", "", 0)
            if frame.format.is_planar or not frame.layout.name.endswith(UNPLACED_LAYOUT):
                raise
        return self._mixed(_averaged(frame))

    def _mixed(self, frame: Any) -> list[Floats32]:
        import av

        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if kind != self._kind:
            # A mix of channels to integers never clips.
            self._kind, self._resampler = kind, av.AudioResampler("s32", "mono", self._rate)
        return [
            piece.to_ndarray()[0].astype(np.float32) / np.float32(1 << 31)
            for piece in self._resampler.resample(frame)
        ]


def _in_order(frame: Any, order: tuple[int, ...]) -> Any:
    """The frame with its channels in the order of a native layout.

    A frame of planes is left as it is (see `_averaged`).
    """
    import av

    if not order or frame.format.is_planar or frame.layout.nb_channels != len(order):
        return frame
    samples = frame.to_ndarray().reshape(-1, len(order))[:, order].reshape(1, -1)
    ordered = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), frame.format.name, frame.layout.name)
    ordered.sample_rate, ordered.pts = frame.sample_rate, frame.pts
    if frame.time_base is not None:
        ordered.time_base = frame.time_base
    return ordered


def _averaged(frame: Any) -> Any:
    """The mean of a frame's channels, for layouts that libswresample cannot mix.

    Of more than eight channels at unknown places (microphone arrays) libswresample makes nothing. Only for
    samples that are not planar, as PCM's are: to look at eight planes or more ends the process (PyAV 18).
    """
    import av

    samples = frame.to_ndarray().reshape(-1, frame.layout.nb_channels)
    mean = samples.mean(axis=1, dtype=np.float64)
    if samples.dtype.kind != "f":
        mean = (mean - 128 * (samples.dtype.kind == "u")) / (1 << 8 * samples.dtype.itemsize - 1)
    mono = av.AudioFrame.from_ndarray(mean.astype(np.float32)[None], "flt", "mono")
    mono.sample_rate, mono.pts, mono.time_base = frame.sample_rate, frame.pts, frame.time_base
    return mono
