"""Where only sampled frames are wanted they are, bit for bit, those of a decode of every frame, whatever
is left undecoded on the way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.container.stream_reader import DecodeRange, StreamReader
from actors.decoding.decoder import ChunkDecoder
from actors.decoding.sampling import sampled_in
from actors.probing.probe import probe
from schemas.media.video import Video
from schemas.pipelines import PERSON
from schemas.work.chunk import ChunkSpec, Sampling
from tests.support.media import clips
from tests.support.media.decoding import EXAMPLES, Backend, Shown, chunks, digest, every_case, whole
from vaengine.planning.plan import chunk_spec

RATES = (Fraction(1, 2), Fraction(1), Fraction(5), Fraction(12))


def sampled_specs(video: Video, cuts: list[int], fps: Fraction) -> Iterator[ChunkSpec]:
    """Chunks between `cuts` that want their sampled frames only."""
    for first, stop in chunks(video, cuts):
        inside = video.index.keyframes[(video.index.keyframes > first) & (video.index.keyframes < stop)]
        spec = replace(chunk_spec(video, first, stop), every_frame=False, keyframes=video.index.pts[inside])
        yield replace(spec, samplings=(Sampling(PERSON, fps, 64, 48),))


def joined_samples(backend: Backend, specs: list[ChunkSpec]) -> list[Shown]:
    return [(frame.number, frame.pts, digest(frame.bgr())) for spec in specs for frame in backend(spec)]


def drawn_specs(video: Video, data: st.DataObject) -> list[ChunkSpec]:
    cuts = (
        data.draw(st.sets(st.integers(1, len(video.index) - 1), max_size=3))
        if video.index.exact and len(video.index) > 1
        else set()
    )
    return list(sampled_specs(video, sorted(cuts), data.draw(st.sampled_from(RATES))))


@every_case
@EXAMPLES
@given(data=st.data())
def test_sampled_frames_equal_those_of_the_full_decode(
    backend: Backend, variant: str, clip_folder: Path, data: st.DataObject
) -> None:
    video, shown = whole(backend, str(clips.VARIANTS[variant](clip_folder).path))
    specs = drawn_specs(video, data)
    wanted = (
        np.concatenate([sampled_in(spec) for spec in specs])
        if video.index.exact
        else np.ones(len(shown), bool)
    )
    assert joined_samples(backend, specs) == [
        frame for frame, is_wanted in zip(shown, wanted, strict=True) if is_wanted
    ]


@EXAMPLES
@given(data=st.data())
def test_damage_looks_the_same_in_sampled_frames(clip_folder: Path, data: st.DataObject) -> None:
    video, shown = whole(ChunkDecoder, str(clips.bitflips(clip_folder)))
    given_by = {number: (number, pts, picture) for number, pts, picture in shown}
    specs = drawn_specs(video, data)
    numbers = np.flatnonzero(np.concatenate([sampled_in(spec) for spec in specs])).tolist()
    assert joined_samples(ChunkDecoder, specs) == [
        given_by[number] for number in numbers if number in given_by
    ]


@pytest.mark.parametrize("variant", ["h264_pyramid", "h265_open_gop", "mpeg2_ts", "vp9_webm"])
def test_more_threads_give_the_same_sampled_frames(variant: str, clip_folder: Path) -> None:
    video, shown = whole(ChunkDecoder, str(clips.VARIANTS[variant](clip_folder).path))
    (spec,) = sampled_specs(video, [], Fraction(5))
    threaded = [(frame.number, frame.pts, digest(frame.bgr())) for frame in ChunkDecoder(spec, threads=2)]
    assert threaded == [frame for frame, is_wanted in zip(shown, sampled_in(spec), strict=True) if is_wanted]


def test_only_wanted_frames_can_be_lost(clip_folder: Path) -> None:
    video = probe(str(clips.truncated(clip_folder).path))
    (spec,) = sampled_specs(video, [], Fraction(12))
    (sparse,) = sampled_specs(video, [], Fraction(1, 2))
    decoders = ChunkDecoder(spec), ChunkDecoder(sparse)
    for decoder in decoders:
        list(decoder)
    assert [decoder.lost for decoder in decoders] == [(len(video.index) - 1,), ()]


@pytest.mark.parametrize(
    "variant",
    [
        "h264_closed_gop",
        "h264_pyramid",
        "h264_ts",
        "h265_open_gop",
        "mpeg2_ts",
        "mpeg4_avi_bframes",
        "mjpeg_avi",
    ],
)
def test_what_no_sampled_frame_needs_is_not_decoded(
    variant: str, clip_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video, shown = whole(ChunkDecoder, str(clips.VARIANTS[variant](clip_folder).path))
    decoded: list[int] = []
    original = StreamReader.read_ranges

    def overheard(reel: StreamReader, runs: Sequence[DecodeRange]) -> Iterator[Any]:
        for picture in original(reel, runs):
            decoded.append(picture.pts)
            yield picture

    monkeypatch.setattr(StreamReader, "read_ranges", overheard)
    (spec,) = sampled_specs(video, [], Fraction(1, 2))
    assert len(joined_samples(ChunkDecoder, [spec])) == sampled_in(spec).sum()
    assert len(decoded) < len(shown) / 2
