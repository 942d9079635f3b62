"""Decodes the frames of one chunk, each once, bit for bit as a decode of the whole video does."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, repeat
from typing import Any, Final

import numpy as np

from actors.container.frame import DecodedFrame
from actors.container.frame_index import NO_PTS
from actors.container.stream_reader import SEEK_BACK_S, StreamReader
from actors.container.video_clock import PictureClock
from actors.decoding.decode_plan import decode_ranges, missing_from, wanted_in
from schemas.work.chunk import ChunkSpec

# How far before the first frame to look for a keyframe: tried in turn, then the start of the file.
STARTS_BACK_S: Final = (
    0,
    SEEK_BACK_S,
)


class ChunkDecoder:
    """Iterates over the `DecodedFrame`s of a chunk in presentation order.

    `lost` and `notes` are complete afterwards. The next frame that can be decoded comes last, as trailing,
    if there is one: scene scores compare with it. Damaged content never raises; `Unreadable`, `NotAVideo`
    and `NoVideoStream` say that the file has gone or changed. Rule: seek to the keyframe that governs the
    first frame, decode, keep what is shown in [start_pts, end_pts). Where the first frame does not come out
    of that, or damage is met (which decoders conceal with pictures from before the keyframe), start again
    further back, at last from the start of the file. That is a decode of the whole video and right by
    definition.

    Where the chunk does not want `every_frame`, only sampled frames come and none trails. What no sampled
    frame needs is not decoded (`actors.decoding.decode_plan`); at damage the rule above takes over. With an
    inexact index every frame comes all the same.
    """

    def __init__(self, spec: ChunkSpec, *, threads: int = 1) -> None:
        self.spec = spec
        self.notes: tuple[str, ...] = ()
        self._threads = threads
        self._decoded: list[int] = []

    @property
    def lost(self) -> tuple[int, ...]:
        """Numbers of wanted frames that gave no picture; empty where the index is not exact."""
        return missing_from(self.spec, self._decoded)

    def __iter__(self) -> Iterator[DecodedFrame]:
        self._decoded = []
        with StreamReader(self.spec.path, self.spec.stream_index, threads=self._threads) as stream_reader:
            for frame in self._frames(stream_reader):
                if not frame.is_trailing:
                    self._decoded.append(frame.number)
                yield frame
            self.notes = stream_reader.notes(self.spec.start_pts, self.spec.end_pts)

    def _frames(self, stream_reader: StreamReader) -> Iterator[DecodedFrame]:
        if not len(self.spec.pts):
            return self._numbered(stream_reader)
        return self._all_frames(stream_reader) if self.spec.every_frame else self._sampled(stream_reader)

    def _sampled(self, stream_reader: StreamReader) -> Iterator[DecodedFrame]:
        """Sampled frames by the shortest way, then by the rule from the first missing frame or damage on."""
        spec, make = self.spec, self._frame_maker()
        own, wanted = spec.pts[spec.before :], wanted_in(spec)
        remaining = (np.flatnonzero(wanted) + spec.first_frame).tolist()[::-1]
        for image in stream_reader.read_ranges(decode_ranges(own, wanted, spec.keyframes, spec.seek_pts)):
            due = int(own[remaining[-1] - spec.first_frame]) if remaining else NO_PTS
            if not remaining or stream_reader.is_damaged or image.pts is None or image.pts > due:
                break
            if image.pts == due:
                yield make(remaining.pop(), due, image)
        if remaining:
            yield from (
                frame
                for frame in self._all_frames(stream_reader)
                if frame.number in remaining and not frame.is_trailing
            )

    def _numbered(self, stream_reader: StreamReader) -> Iterator[DecodedFrame]:
        """Every picture of the stream in order, numbered from 0, at its own or an estimated time."""
        spec, make = self.spec, self._frame_maker()
        step = max(1, (spec.end_pts - spec.start_pts) // spec.frame_count)
        clock = PictureClock(
            spec.start_pts, step, scale=max(1, round(stream_reader.time_base / spec.time_base))
        )
        is_one_by_one = spec.made_up or clock.scale > 1  # else a picture may have two packets
        estimates = chain(spec.estimates.tolist() if is_one_by_one else (), repeat(None))
        for number, (image, estimate) in enumerate(zip(stream_reader.from_start(), estimates, strict=False)):
            yield make(number, clock.time_of(None if spec.made_up else image.pts, estimate), image)

    def _all_frames(self, stream_reader: StreamReader) -> Iterator[DecodedFrame]:
        make = self._frame_maker()
        own, following = self.spec.pts[self.spec.before :], 0
        for image in self._undamaged(stream_reader):
            pts = image.pts
            if pts < self.spec.start_pts:
                continue
            if pts >= self.spec.end_pts:
                yield make(self.spec.first_frame + self.spec.frame_count, pts, image, is_trailing=True)
                break
            at = int(np.searchsorted(own, pts))
            if at < following or at >= len(own) or own[at] != pts:
                stream_reader.note("picture out of order or at a time that no packet has", pts)
                continue
            following = at + 1
            yield make(self.spec.first_frame + at, pts, image)

    def _undamaged(self, stream_reader: StreamReader) -> Iterator[Any]:
        """Pictures in increasing order of time.

        The first needed picture is among them if it can be decoded at all.
        """
        needed, reached = self.spec.start_pts, NO_PTS
        for attempt, pictures in enumerate(self._starts(stream_reader)):
            is_last = attempt == len(STARTS_BACK_S)
            for image in pictures or ():
                if image.pts is None or image.pts <= reached:
                    continue
                if not is_last and stream_reader.is_damaged and (attempt == 0 or reached < needed):
                    break
                if not is_last and reached < needed < image.pts:
                    break
                reached = image.pts
                yield image
            else:
                if is_last or (pictures is not None and reached >= needed):
                    return

    def _starts(self, stream_reader: StreamReader) -> Iterator[Iterator[Any] | None]:
        """Ways to begin, each safer and slower than the one before; None where one is impossible."""
        needed, governing = self.spec.start_pts, self.spec.seek_pts
        for back_s in STARTS_BACK_S:
            pts = None if governing is None else min(needed, governing) - round(back_s / self.spec.time_base)
            yield None if pts is None or pts < self.spec.origin_pts else stream_reader.from_keyframe(pts)
        yield stream_reader.from_start()

    def _frame_maker(self) -> Any:
        from av.video.reformatter import VideoReformatter

        spec, reformatter = self.spec, VideoReformatter()
        native = (spec.height, spec.width) if spec.rotation % 180 else (spec.width, spec.height)

        def make(number: int, pts: int, image: Any, *, is_trailing: bool = False) -> DecodedFrame:
            return DecodedFrame(
                number, pts, is_trailing, spec.rotation, spec.mirrored, *native, image, reformatter
            )

        return make


def frames(spec: ChunkSpec, *, threads: int = 1) -> Iterator[DecodedFrame]:
    """The frames of a chunk; use `ChunkDecoder` itself to learn which were lost."""
    return iter(ChunkDecoder(spec, threads=threads))
