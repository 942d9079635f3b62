"""Whether times of presentation were made up is known from the headers of pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import pytest

from actors.container.frame_order import (
    PictureOrder,
    h264_is_bidirectional,
    hevc_is_bidirectional,
    mpeg2_is_bidirectional,
    mpeg4_is_bidirectional,
)
from tests.support.media import clips
from tests.support.media.clips import Coding

JUDGES = {
    "h264": h264_is_bidirectional,
    "mpeg4": mpeg4_is_bidirectional,
    "mpeg2video": mpeg2_is_bidirectional,
}
CODINGS = {
    "h264": clips.h264("bframes=2:b-adapt=0"),
    "mpeg4": Coding("mpeg4", ".mp4", bframes=2),
    "mpeg2video": Coding("mpeg2video", ".mkv", bframes=2),
}


@pytest.mark.parametrize("codec", JUDGES)
def test_a_picture_is_bidirectional_where_its_decoder_says_so(codec: str, clip_folder: Path) -> None:
    clip = clips.counting(clip_folder, frames=24, coding=CODINGS[codec])
    with av.open(str(clip.path)) as container:
        stream = container.streams.video[0]
        length_bytes = 4 if codec == "h264" else 0
        told = {
            packet.pts: JUDGES[codec](bytes(packet), length_bytes)
            for packet in container.demux(stream)
            if packet.size
        }
    with av.open(str(clip.path)) as container:
        expected = {
            frame.pts: frame.pict_type == av.video.frame.PictureType.B for frame in container.decode(video=0)
        }
    assert told == expected
    assert any(told.values())


def test_a_picture_of_hevc_that_nothing_refers_to_is_told_by_its_kind() -> None:
    kinds = (0, 1, 8, 9, 19, 21)
    assert [hevc_is_bidirectional(b"\0\0\1" + bytes([kind << 1, 1, 0x80]), 0) for kind in kinds] == [
        True, False, True, True, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("variant", "made_up"),
    [
        ("h264_closed_gop", False),
        ("h264_every_frame_key", False),
        ("mpeg4_avi_bframes", False),
        ("h265_open_gop", False),
        ("h264_made_up_avi", True),
        ("h264_without_ctts", True),
        ("h265_without_ctts", True),
    ],
)
def test_times_are_made_up_where_they_never_go_back_though_pictures_are_reordered(
    variant: str, made_up: bool, clip_folder: Path
) -> None:
    with av.open(str(clips.VARIANTS[variant](clip_folder).path)) as container:
        stream: Any = container.streams.video[0]
        order = PictureOrder(stream)
        for packet in container.demux(stream):
            if packet.size:
                order.observe(packet)
    assert order.is_made_up == made_up
