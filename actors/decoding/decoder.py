"""Frames of one chunk, exactly those and each once, bit for bit as a decode of the whole video gives them."""

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

STARTS_BACK_S: Final = (
    0,
    SEEK_BACK_S,
)  # how much before the first frame to look for a keyframe: tried in turn, then the start of the file


class ChunkDecoder:
    """Iterates over the `DecodedFrame`s of a chunk in presentation order; `lost` and `notes` are complete
    afterwards.

    The next frame that can be decoded comes last, as trailing, if there is one: scene scores compare with it.
    Damaged content never raises; `Unreadable`, `NotAVideo` and `NoVideoStream` say that the file has gone or
    changed. Rule: seek to the keyframe that governs the first frame, decode, keep what is shown in
    [start_pts, end_pts). Where the first frame does not come out of that, or damage is met (which decoders
    conceal with pictures from before the keyframe), go on from a place further back, at last from the start,
    which is a decode of the whole video and right by definition.

    Where the chunk does not want `every_frame`, only sampled ones come, none trails, and what no sampled one
    needs is not decoded (`actors.decoding.decode_plan`); where that meets with damage it is given up for the
    rule. An inexact index gives every frame all the same.
    """

    def __init__(self, spec: ChunkSpec, *, threads: int = 1) -> None:
        self.spec = spec
        self.notes: tuple[str, ...] = ()
        self._threads = threads
        self._seen: list[int] = []

    @property
    def lost(self) -> tuple[int, ...]:
        """Numbers of the frames that the chunk wants and that gave no picture; none are known where the
        index is not exact.
        """
        return missing_from(self.spec, self._seen)

    def __iter__(self) -> Iterator[DecodedFrame]:
        self._seen = []
        with StreamReader(self.spec.path, self.spec.stream_index, threads=self._threads) as reel:
            for frame in self._shown(reel):
                if not frame.is_trailing:
                    self._seen.append(frame.number)
                yield frame
            self.notes = reel.notes(self.spec.start_pts, self.spec.end_pts)

    def _shown(self, reel: StreamReader) -> Iterator[DecodedFrame]:
        if not len(self.spec.pts):
            return self._counted(reel)
        return self._chosen(reel) if self.spec.every_frame else self._sampled(reel)

    def _sampled(self, reel: StreamReader) -> Iterator[DecodedFrame]:
        """Sampled frames by the shortest way; from the first that does not come out of it, or from damage
        on, by the rule.
        """
        spec, make = self.spec, self._maker()
        own, wanted = spec.pts[spec.before :], wanted_in(spec)
        left = (np.flatnonzero(wanted) + spec.first_frame).tolist()[::-1]
        for image in reel.read_ranges(decode_ranges(own, wanted, spec.keyframes, spec.seek_pts)):
            due = int(own[left[-1] - spec.first_frame]) if left else NO_PTS
            if not left or reel.is_disturbed or image.pts is None or image.pts > due:
                break
            if image.pts == due:
                yield make(left.pop(), due, image)
        if left:
            yield from (
                frame for frame in self._chosen(reel) if frame.number in left and not frame.is_trailing
            )

    def _counted(self, reel: StreamReader) -> Iterator[DecodedFrame]:
        """Every picture of the stream, numbered as it comes, at the time that it has or that was
        estimated.
        """
        spec, make = self.spec, self._maker()
        step = max(1, (spec.end_pts - spec.start_pts) // spec.frame_count)
        clock = PictureClock(spec.start_pts, step, scale=max(1, round(reel.time_base / spec.time_base)))
        is_one_by_one = spec.made_up or clock.scale > 1  # a packet a picture; else there may be two packets
        estimates = chain(spec.estimates.tolist() if is_one_by_one else (), repeat(None))
        for number, (image, estimate) in enumerate(zip(reel.from_start(), estimates, strict=False)):
            yield make(number, clock.time_of(None if spec.made_up else image.pts, estimate), image)

    def _chosen(self, reel: StreamReader) -> Iterator[DecodedFrame]:
        make = self._maker()
        own, following = self.spec.pts[self.spec.before :], 0
        for image in self._undisturbed(reel):
            pts = image.pts
            if pts < self.spec.start_pts:
                continue
            if pts >= self.spec.end_pts:
                yield make(self.spec.first_frame + self.spec.frame_count, pts, image, is_trailing=True)
                break
            at = int(np.searchsorted(own, pts))
            if at < following or at >= len(own) or own[at] != pts:
                reel.note("picture out of order or at a time that no packet has", pts)
                continue
            following = at + 1
            yield make(self.spec.first_frame + at, pts, image)

    def _undisturbed(self, reel: StreamReader) -> Iterator[Any]:
        """Pictures in increasing order of time, the first one needed among them if it can be decoded at
        all.
        """
        needed, reached = self.spec.start_pts, NO_PTS
        for attempt, pictures in enumerate(self._starts(reel)):
            is_last = attempt == len(STARTS_BACK_S)
            for image in pictures or ():
                if image.pts is None or image.pts <= reached:
                    continue
                if not is_last and reel.is_disturbed and (attempt == 0 or reached < needed):
                    break
                if not is_last and reached < needed < image.pts:
                    break
                reached = image.pts
                yield image
            else:
                if is_last or (pictures is not None and reached >= needed):
                    return

    def _starts(self, reel: StreamReader) -> Iterator[Iterator[Any] | None]:
        """Ways to begin, each safer and dearer than the one before; None where one is impossible."""
        needed, governing = self.spec.start_pts, self.spec.seek_pts
        for back_s in STARTS_BACK_S:
            pts = None if governing is None else min(needed, governing) - round(back_s / self.spec.time_base)
            yield None if pts is None or pts < self.spec.origin_pts else reel.from_keyframe(pts)
        yield reel.from_start()

    def _maker(self) -> Any:
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
