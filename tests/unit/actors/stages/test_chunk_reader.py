"""A chunk is read for the pipelines that need it: every frame scored, or only the sampled ones looked at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from actors.container.frame import DecodedFrame
from actors.decoding.sampling import sampled_in
from actors.probing.probe import probe
from actors.stages import chunk_reader
from actors.stages.chunk_reader import read_chunk
from schemas.errors import Unreadable
from schemas.media.frames import Pixels
from schemas.pipelines import FACE, PERSON
from schemas.work.chunk import ChunkSpec, Sampling
from schemas.work.messages import ChunkEnd, FramesMessage
from tests.support.media import clips
from vaengine.planning.plan import chunk_spec

with_decord = pytest.mark.skipif(find_spec("decord") is None, reason="decord is made for x86-64 Linux only")


class Unstoppable:
    def started(self) -> bool:
        return True

    def stopping(self) -> bool:
        return False


def spec_of(clip: clips.Clip) -> ChunkSpec:
    """All of a clip, sampled three times a second."""
    video = probe(str(clip.path))
    keyframes = video.index.pts[video.index.keyframes[1:]]
    whole = chunk_spec(video, 0, len(video.index))
    return replace(whole, samplings=(Sampling(PERSON, Fraction(3), 80, 60),), keyframes=keyframes)


def read(spec: ChunkSpec) -> tuple[dict[int, Pixels], ChunkEnd]:
    """Sampled pictures by frame number, and the end."""
    *pieces, end = read_chunk(spec, Unstoppable())
    assert isinstance(end, ChunkEnd)
    batches = [piece.frames for piece in pieces if isinstance(piece, FramesMessage)]
    return {
        number: picture
        for batch in batches
        for number, picture in zip(batch.frame_numbers.tolist(), batch.pixels, strict=True)
    }, end


def alike(one: dict[int, Pixels], other: dict[int, Pixels]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[number], other[number]) for number in one)


@pytest.mark.parametrize("filter_", ["area", "linear"])
def test_models_get_the_same_pictures_whether_every_frame_is_wanted_or_only_theirs(
    filter_: str, clip_folder: Path
) -> None:
    spec = spec_of(clips.VARIANTS["h264_pyramid"](clip_folder))
    spec = replace(spec, samplings=(replace(spec.samplings[0], filter=filter_),))
    pictures, end = read(spec)
    fewer, its_end = read(replace(spec, every_frame=False))
    assert alike(pictures, fewer)
    assert its_end.frame_numbers.tolist() == list(fewer) == np.flatnonzero(sampled_in(spec)).tolist()
    assert its_end.frame_pts.tolist() == end.frame_pts[its_end.frame_numbers].tolist()
    assert its_end.scene_scores.tolist() == [0.0] * len(fewer)


def test_the_filter_of_the_sampling_is_the_one_that_pictures_are_made_with(clip_folder: Path) -> None:
    spec = spec_of(clips.VARIANTS["h264_closed_gop"](clip_folder))
    area, linear = (
        read(replace(spec, samplings=(replace(spec.samplings[0], filter=name),)))[0]
        for name in ("area", "linear")
    )
    assert not alike(area, linear)


def test_without_an_exact_index_all_frames_are_counted_and_none_is_scored(clip_folder: Path) -> None:
    spec = spec_of(clips.VARIANTS["raw_h264"](clip_folder))
    pictures, end = read(spec)
    fewer, its_end = read(replace(spec, every_frame=False))
    assert alike(pictures, fewer)
    assert its_end.frame_numbers.tolist() == end.frame_numbers.tolist()
    assert not its_end.scene_scores.any()
    assert end.scene_scores.any()


@with_decord
def test_decord_gives_the_scores_and_pictures_of_pyav(clip_folder: Path) -> None:
    spec = spec_of(clips.VARIANTS["h264_closed_gop"](clip_folder))
    pictures, end = read(replace(spec, samplings=(replace(spec.samplings[0], filter="linear"),)))
    others, its_end = read(
        replace(spec, samplings=(replace(spec.samplings[0], filter="linear"),), backend="decord")
    )
    assert alike(pictures, others)
    assert its_end.scene_scores.tolist() == end.scene_scores.tolist()


@with_decord
def test_what_a_decoder_refuses_fails_for_good_with_its_reason(clip_folder: Path) -> None:
    (end,) = read_chunk(
        replace(spec_of(clips.VARIANTS["h264_ts"](clip_folder)), backend="decord"), Unstoppable()
    )
    assert isinstance(end, ChunkEnd)
    assert end.failure is not None
    assert (end.failure.kind, end.failure.transient) == ("decoder", False)
    assert "decode.backend=pyav" in end.failure.message


def test_models_of_different_pace_and_size_share_one_decode_and_each_gets_its_own_pictures(
    clip_folder: Path,
) -> None:
    spec = spec_of(clips.VARIANTS["h264_pyramid"](clip_folder))
    faces = Sampling(FACE, Fraction(2), 160, 120)
    *pieces, end = read_chunk(replace(spec, samplings=(*spec.samplings, faces)), Unstoppable())
    assert isinstance(end, ChunkEnd)
    assert sorted(piece.number for piece in pieces if isinstance(piece, FramesMessage)) == list(
        range(end.pieces)
    )
    for sampling in (*spec.samplings, faces):
        alone, _ = read(replace(spec, samplings=(sampling,)))
        own = [
            piece.frames
            for piece in pieces
            if isinstance(piece, FramesMessage) and piece.pipeline == sampling.pipeline
        ]
        assert alike(
            alone,
            {
                n: picture
                for batch in own
                for n, picture in zip(batch.frame_numbers.tolist(), batch.pixels, strict=True)
            },
        )


def test_large_pictures_travel_in_smaller_pieces(clip_folder: Path) -> None:
    spec = spec_of(clips.VARIANTS["h264_pyramid"](clip_folder))
    *pieces, _ = read_chunk(
        replace(spec, samplings=(Sampling(FACE, Fraction(12), 1280, 960),)), Unstoppable()
    )
    assert {len(piece.frames) for piece in pieces if isinstance(piece, FramesMessage)} == {2}


@pytest.mark.parametrize(
    ("error", "kind", "transient"),
    [
        (Unreadable(__file__, "Input/output error"), "unreadable", False),
        (MemoryError("no room"), "out_of_memory", True),
        (ValueError("a bug"), "internal", False),
    ],
    ids=["video", "memory", "bug"],
)
def test_what_goes_wrong_on_the_way_ends_the_chunk_after_the_pieces_already_given(
    error: Exception, kind: str, transient: bool, clip_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An end that forgot them would be settled before they come back from a model, and they would wait
    for another end for ever.
    """
    decoder_for = chunk_reader.decoder_for

    class Failing:
        lost, notes = (), ()

        def __init__(self, spec: ChunkSpec, **told: int) -> None:
            self._frames = islice(decoder_for(spec, **told), 40)

        def __iter__(self) -> Iterator[DecodedFrame]:
            yield from self._frames
            raise error

    monkeypatch.setattr(chunk_reader, "decoder_for", Failing)
    spec = spec_of(clips.VARIANTS["h264_pyramid"](clip_folder))
    spec = replace(spec, samplings=(replace(spec.samplings[0], fps=Fraction(12)),))
    *pieces, end = read_chunk(spec, Unstoppable())
    assert isinstance(end, ChunkEnd)
    assert [piece.number for piece in pieces if isinstance(piece, FramesMessage)] == list(
        range(40 // chunk_reader.MESSAGE_FRAMES)
    )
    assert end.pieces == len(pieces)
    assert end.failure is not None
    assert (end.failure.kind, end.failure.transient) == (kind, transient)
