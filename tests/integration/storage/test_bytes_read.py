"""How many bytes of a large remote video are read: for its index, and for its chunks."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from actors.decoding.decoder import ChunkDecoder
from actors.probing.probe import probe
from actors.sources import ranged_file
from actors.sources.block_cache import BlockCache
from schemas.media.video import Video
from tests.support.media import clips
from tests.support.servers.web_server import WebServer, served
from vaengine.planning.plan import chunk_spec

FILLER_UNIT = 12  # nal_unit_type of filler data, ITU-T H.264 table 7-1
CHUNKS, CHUNK_FRAMES = 10, 400


def padded(packet: bytes, size: int) -> bytes:
    """A packet of H.264 with so many bytes of filler, which decoders skip."""
    unit = bytes([FILLER_UNIT]) + b"\xff" * (size - 2) + b"\x80"
    return packet + len(unit).to_bytes(4, "big") + unit


def enlarged(source: Path, target: Path, *, packets: int, packet_bytes: int) -> None:
    """A video of so many packets, each filled up by so many bytes: those of `source`, over and over."""
    with av.open(str(source)) as clip, av.open(str(target), "w") as large:
        pictures = clip.streams.video[0]
        stream = large.add_stream_from_template(pictures)
        once = [packet for packet in clip.demux(pictures) if packet.size]
        length = sum(packet.duration for packet in once)
        for number, packet in zip(range(packets), itertools.cycle(once), strict=False):
            copy = av.Packet(padded(bytes(packet), packet_bytes))
            shift = number // len(once) * length
            copy.pts, copy.dts, copy.duration = packet.pts + shift, packet.dts + shift, packet.duration
            copy.time_base, copy.is_keyframe, copy.stream = packet.time_base, packet.is_keyframe, stream
            large.mux(copy)


def served_video(folder: Path, clip_folder: Path, *, packets: int, packet_bytes: int) -> Iterator[WebServer]:
    source = clips.counting(clip_folder, frames=250, fps=25, coding=clips.h264("bframes=0", gop=50)).path
    enlarged(source, folder / "large.mp4", packets=packets, packet_bytes=packet_bytes)
    with served(folder) as web:
        yield web
    (folder / "large.mp4").unlink()


@pytest.fixture
def web(request: pytest.FixtureRequest, tmp_path: Path, clip_folder: Path) -> Iterator[WebServer]:
    yield from served_video(tmp_path, clip_folder, **request.param)


@pytest.mark.parametrize(
    ("web", "share"),
    [
        pytest.param({"packets": 12_000, "packet_bytes": 4_000}, 0.25, id="73 MB"),
        pytest.param({"packets": 250_000, "packet_bytes": 4_000}, 0.02, id="1.5 GB", marks=pytest.mark.long),
    ],
    indirect=["web"],
)
def test_an_index_takes_a_small_share_of_the_file_and_chunks_take_little_more_than_their_own_bytes(
    web: WebServer, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranged_file, "SHARED", BlockCache())
    video = probe(web.url("large.mp4"))
    assert video.index.exact
    assert web.sent_bytes["large.mp4"] <= share * video.size_bytes
    one_chunk(video, 0)  # the index of a decoder
    web.forget()
    for number in range(1, CHUNKS + 1):
        one_chunk(video, number)
    own = CHUNKS * CHUNK_FRAMES * (video.size_bytes / len(video.index))
    assert web.sent_bytes["large.mp4"] <= 1.2 * own


def one_chunk(video: Video, number: int) -> None:
    """Decodes a chunk of 16 s, of those that follow on each other from the middle on."""
    first = len(video.index) // 2 // CHUNK_FRAMES * CHUNK_FRAMES + number * CHUNK_FRAMES
    decoder = ChunkDecoder(chunk_spec(video, first, first + CHUNK_FRAMES))
    assert sum(1 for frame in decoder if not frame.is_trailing) == CHUNK_FRAMES
