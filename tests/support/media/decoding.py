"""Decoders, the clips that each of them takes, and what they give of these."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from actors.decoding.decoder import ChunkDecoder
from actors.decoding.decord_decoder import DecordDecoder
from actors.probing.probe import probe
from schemas.media.frames import Pixels
from schemas.media.video import Video
from tests.support.media import clips
from tests.support.media.refusals import REFUSED
from vaengine.planning.plan import chunk_spec

Backend = type[ChunkDecoder] | type[DecordDecoder]
BACKENDS: dict[str, Backend] = {"pyav": ChunkDecoder}  # a new one joins here


if find_spec("decord"):  # made for x86-64 Linux only
    BACKENDS["decord"] = DecordDecoder


CASES = [
    pytest.param(backend, variant, id=f"{name}-{variant}")
    for name, backend in BACKENDS.items()
    for variant in clips.VARIANTS
    if name != "decord" or variant not in REFUSED
]


every_case = pytest.mark.parametrize(("backend", "variant"), CASES)
EXAMPLES = settings(
    max_examples=2,  # of each of some seventy cases
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
Shown = tuple[int, int, str]  # number, pts, digest of the native picture


def digest(picture: Pixels) -> str:
    return hashlib.sha256(np.ascontiguousarray(picture)).hexdigest()


def chunks(video: Video, cuts: Sequence[int]) -> Iterator[tuple[int, int]]:
    return pairwise([0, *cuts, len(video.index)])


def joined(backend: Backend, video: Video, cuts: Sequence[int]) -> list[Shown]:
    """What chunks between `cuts` give, one after the other, without what trails."""
    return [
        (frame.number, frame.pts, digest(frame.bgr()))
        for first, stop in chunks(video, cuts)
        for frame in backend(chunk_spec(video, first, stop))
        if not frame.is_trailing
    ]


@cache
def whole(backend: Backend, path: str) -> tuple[Video, list[Shown]]:
    video = probe(path)
    return video, joined(backend, video, ())
