"""All sound tracks of a file, and which of them is listened to unless somebody says otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from actors.container.audio_clock import ClockWatch
from actors.probing.audio_probe import AudioStreamProbe
from schemas.media.audio import AudioStream


class SoundTracks:
    """Takes the packets of sound out of a file's.

    Those of streams that nothing here can decode are left alone.
    """

    def __init__(self, container: Any, pictures: Any | None) -> None:
        clock = ClockWatch(pictures.time_base) if pictures is not None else None
        known = [
            (track, stream)
            for track, stream in enumerate(container.streams.audio)
            if stream.codec_context is not None
        ]
        ears = [AudioStreamProbe(stream, track, clock) for track, stream in known]
        self._clock, self._ears = clock, {one.stream.index: one for one in ears if one.is_audible}
        self._step = 0  # of the pictures, as long as their packets say
        self._preferred = _preferred(container, [one.stream for one in self._ears.values()], pictures)

    @property
    def streams(self) -> list[Any]:
        """The streams to be demuxed beside the pictures."""
        return [one.stream for one in self._ears.values()]

    def passing(self, packets: Iterable[Any]) -> Iterator[Any]:
        """The packets that are not of sound."""
        for packet in packets:
            if one := self._ears.get(packet.stream_index):
                one.note(packet)
                continue
            if self._clock is not None:
                self._note_picture(self._clock, packet)
            yield packet

    def _note_picture(self, clock: ClockWatch, packet: Any) -> None:
        """Only times of decoding tell a clock that goes back from pictures that are coded out of order."""
        self._step = packet.duration or self._step
        at = packet.dts if packet.pts is None else packet.pts
        clock.note(None if packet.dts is None else at, (at or 0) + self._step, packet.dts)

    def sounds(
        self, path: str, formats: frozenset[str]
    ) -> tuple[AudioStream | None, tuple[AudioStream, ...]]:
        """The track that is listened to and all tracks that hold anything, once every packet has passed."""
        found = [sound for one in self._ears.values() if (sound := one.sound(path, formats))]
        ranked = sorted(found, key=lambda sound: sound.stream_index not in self._preferred)
        return ranked[0] if ranked else None, tuple(found)


def _preferred(container: Any, streams: list[Any], pictures: Any | None) -> set[int]:
    """Indices of the streams that come first: those flagged as default, of the pictures' own program where
    there are several programs.

    Where several are flagged, as containers do that do not distinguish tracks, it is the one of them that
    FFmpeg calls best.
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
