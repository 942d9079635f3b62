"""Probes all sound tracks of a file, and chooses the one that is analysed by default."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from actors.container.audio_clock import ClockWatch
from actors.probing.audio_probe import AudioStreamProbe
from schemas.media.audio import AudioStream


class SoundTracks:
    """Takes the packets of sound out of a file's packets.

    Packets of streams that cannot be decoded are left alone.
    """

    def __init__(self, container: Any, pictures: Any | None) -> None:
        clock = ClockWatch(pictures.time_base) if pictures is not None else None
        known = [
            (track, stream)
            for track, stream in enumerate(container.streams.audio)
            if stream.codec_context is not None
        ]
        probes = [AudioStreamProbe(stream, track, clock) for track, stream in known]
        self._clock, self._probes = clock, {probe.stream.index: probe for probe in probes if probe.is_audible}
        self._step = 0  # of the pictures, as long as their packets say
        self._preferred = _preferred(container, [probe.stream for probe in self._probes.values()], pictures)

    @property
    def streams(self) -> list[Any]:
        """The streams to be demuxed beside the pictures."""
        return [probe.stream for probe in self._probes.values()]

    def passing(self, packets: Iterable[Any]) -> Iterator[Any]:
        """Yields the packets that are not of sound, and notes the others."""
        for packet in packets:
            if probe := self._probes.get(packet.stream_index):
                probe.note(packet)
                continue
            if self._clock is not None:
                self._note_picture(self._clock, packet)
            yield packet

    def _note_picture(self, clock: ClockWatch, packet: Any) -> None:
        """Notes the time of a picture's packet on the clock of the pictures.

        Only times of decoding can tell a clock that goes back from pictures that are coded out of order.
        """
        self._step = packet.duration or self._step
        at = packet.dts if packet.pts is None else packet.pts
        clock.note(None if packet.dts is None else at, (at or 0) + self._step, packet.dts)

    def sounds(
        self, path: str, formats: frozenset[str]
    ) -> tuple[AudioStream | None, tuple[AudioStream, ...]]:
        """The chosen track, and all tracks that hold anything, once every packet has passed."""
        sounds = [sound for probe in self._probes.values() if (sound := probe.sound(path, formats))]
        ranked = sorted(sounds, key=lambda sound: sound.stream_index not in self._preferred)
        return ranked[0] if ranked else None, tuple(sounds)


def _preferred(container: Any, streams: list[Any], pictures: Any | None) -> set[int]:
    """Indices of the streams to choose first.

    They are those flagged as default, of the pictures' own program where there are several programs. Where
    several are flagged, as in containers that do not distinguish tracks, it is the one that FFmpeg calls
    best.
    """
    from av.stream import Disposition

    own = [
        stream
        for stream in streams
        if pictures is None or container.streams.best("video", related=stream) == pictures
    ]
    flagged = {stream.index for stream in own or streams if stream.disposition & Disposition.default}
    best = container.streams.best("audio", related=pictures)
    if best is not None and best.index in flagged:
        return {best.index}
    return flagged or {stream.index for stream in own}
