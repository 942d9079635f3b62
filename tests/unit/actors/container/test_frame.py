"""The views of a decoded picture: one conversion, and for models the very pixels that others would give
them.
"""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import cv2
import numpy as np
import pytest

from actors.decoding.decoder import ChunkDecoder
from actors.probing.probe import probe
from tests.support.media import clips
from vaengine.planning.plan import chunk_spec


def decoder_of(clip: clips.Clip) -> ChunkDecoder:
    video = probe(str(clip.path))
    return ChunkDecoder(chunk_spec(video, 0, len(video.index)))


@pytest.mark.parametrize(
    "variant",
    ["h264_closed_gop", "h264_rotated_90", "h264_rotated_180", "h264_odd_size_444", "vp9_webm", "mpeg4_avi"],
)
def test_linear_pictures_are_those_of_opencv(variant: str, clip_folder: Path) -> None:
    clip = clips.VARIANTS[variant](clip_folder)
    width, height = clip.width * 2 // 3, clip.height * 2 // 3
    capture = cv2.VideoCapture(str(clip.path))
    for frame in decoder_of(clip):
        there, picture = capture.read()
        assert there
        expected = cv2.cvtColor(
            cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR), cv2.COLOR_BGR2RGB
        )
        assert np.array_equal(frame.rgb(width, height, "linear"), expected)
    assert not capture.read()[0]


def test_the_native_picture_is_converted_once_and_cannot_be_changed(clip_folder: Path) -> None:
    frame = next(iter(decoder_of(clips.counting(clip_folder, frames=3))))
    picture = frame.bgr()
    assert frame.bgr() is picture
    assert frame.bgr(is_upright=True) is picture
    with pytest.raises(ValueError, match="read-only"):
        picture[0, 0] = 0


def test_a_picture_goes_with_its_frame(clip_folder: Path) -> None:
    kept = []
    for frame in decoder_of(clips.counting(clip_folder, frames=5)):
        kept.append(weakref.ref(frame.bgr()))
        frame.rgb(32, 24, "linear")
    del frame
    gc.collect()
    assert [picture() for picture in kept] == [None] * 5
