"""Real clips of every kind: the frames of an independent decode, however they are cut, and one right
reason for each broken clip.
"""

from __future__ import annotations

import hashlib
from functools import cache
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from actors.decoding.decoder import ChunkDecoder
from actors.probing.probe import probe
from schemas.errors import EmptyFile, NotAVideo, VideoError
from schemas.media.frames import Pixels
from schemas.media.video import Video
from tests.conftest import SHARED
from vaengine.planning.plan import chunk_spec

pytestmark = pytest.mark.shared

MEDIA = SHARED / "media"
SUFFIXES = {".mp4", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".ts", ".gif"}
MAX_CUTS = 4
LENGTHY = {  # half a minute and more of what a shorter clip has, too: H.264 in MP4
    "derived/cuts_every_3s.mp4",
    "derived/grid_11_talkers_33s.mp4",
    "derived/two_faces_two_speakers_30s.mp4",
    "video/cosmos_test_video_30s.mp4",
    "video/intel_car-detection.mp4",
    "video/intel_one-by-one-person-detection.mp4",
    "video/mgt_dancer.avi",
    "video/pets09-s2l1_vtest_480x360.mp4",
    "video/psd_testvideo.mp4",
}
LOST = {  # frames promised, with a packet, and decoded
    "truncated_60pct_moov_first.mp4": (60, 30, 29),
    "bitflips_400.mp4": (60, 60, 59),
    "decord_corrupted.mp4": (50, 50, 49),
    "decord_unordered.mov": (4, 4, 4),
}
REFUSED = {
    "empty.mp4": EmptyFile,
    "pxt_bad_video.mp4": NotAVideo,
    "pxt_bad_audio.mp3": NotAVideo,
    "text_named.mp4": NotAVideo,
}


def _good() -> list[Path]:
    folders = ("video", "derived", "groundtruth")
    found = (
        path for folder in folders for path in sorted((MEDIA / folder).rglob("*")) if path.suffix in SUFFIXES
    )
    return [path for path in found if "audio_only" not in path.name]


def _name(path: Path) -> str:
    return str(path.relative_to(MEDIA))


def digest(picture: Pixels) -> str:
    return hashlib.sha256(np.ascontiguousarray(picture)).hexdigest()


def plainly_decoded(path: Path, stream_index: int) -> list[tuple[int, str]]:
    """Presentation time and picture of every frame, by PyAV alone."""
    shown = []
    with av.open(str(path)) as container:
        stream = container.streams[stream_index]
        stream.thread_type = "NONE"
        for packet in (*[packet for packet in container.demux(stream) if packet.size], None):
            try:
                pictures = stream.codec_context.decode(packet)
            except av.error.FFmpegError:
                continue
            shown += [(picture.pts, digest(picture.to_ndarray(format="bgr24"))) for picture in pictures]
    return shown


@cache
def video_of(path: Path) -> Video:
    return probe(str(path))


def _cuts(video: Video) -> list[int]:
    """Some keyframes, and one frame that is none where that costs little."""
    keyframes = video.index.keyframes[1:].tolist()
    chosen = {keyframes[i * len(keyframes) // MAX_CUTS] for i in range(MAX_CUTS)} if keyframes else set()
    elsewhere = len(video.index) * 2 // 3
    return sorted(chosen | ({elsewhere} if elsewhere > 0 and len(video.index) < 200 else set()))


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=[pytest.mark.long] * (_name(path) in LENGTHY)) for path in _good()],
    ids=map(_name, _good()),
)
def test_chunks_of_a_real_clip_hold_the_frames_of_an_independent_decode(path: Path) -> None:
    video = video_of(path)
    plain = plainly_decoded(path, video.stream_index)
    times = dict(plain)
    assert [pts for pts, _ in plain] == video.index.pts.tolist()
    shown = []
    for first, stop in pairwise([0, *_cuts(video), len(video.index)]):
        decoder = ChunkDecoder(chunk_spec(video, first, stop))
        for frame in decoder:
            if frame.is_trailing:
                assert frame.pts == video.index.pts[stop]
                assert digest(frame.bgr()) == times[frame.pts]
            else:
                shown.append((frame.number, frame.pts, digest(frame.bgr())))
        assert decoder.lost == ()
    assert shown == [(number, *frame) for number, frame in enumerate(plain)]


@pytest.mark.parametrize("path", _good(), ids=_name)
def test_every_real_clip_has_an_exact_index(path: Path) -> None:
    video = video_of(path)
    assert video.index.exact
    assert video.index.missing == 0


@pytest.mark.parametrize(("name", "counts"), LOST.items(), ids=LOST)
def test_what_a_broken_clip_still_gives_is_kept_and_the_rest_counted(
    name: str, counts: tuple[int, int, int]
) -> None:
    promised, packets, decoded = counts
    video = video_of(MEDIA / "broken" / name)
    decoder = ChunkDecoder(chunk_spec(video, 0, len(video.index)))
    frames = list(decoder)
    assert (video.frame_count, len(video.index), len(frames)) == counts
    assert len(decoder.lost) == packets - decoded
    assert video.index.missing == promised - packets
    assert bool(decoder.notes) == bool(decoder.lost)


@pytest.mark.parametrize("name", [name for name in LOST if "unordered" not in name])
def test_a_broken_clip_gives_the_same_pictures_however_it_is_cut(name: str) -> None:
    path = MEDIA / "broken" / name
    video = video_of(path)
    middle = len(video.index) // 2
    shown = [
        (frame.pts, digest(frame.bgr()))
        for stretch in ((0, middle), (middle, len(video.index)))
        for frame in ChunkDecoder(chunk_spec(video, *stretch))
        if not frame.is_trailing
    ]
    assert shown == plainly_decoded(path, video.stream_index)


@pytest.mark.parametrize(("name", "error"), REFUSED.items(), ids=REFUSED)
def test_what_is_no_video_has_one_right_reason(name: str, error: type[VideoError]) -> None:
    with pytest.raises(VideoError) as caught:
        probe(str(MEDIA / "broken" / name))
    assert type(caught.value) is error


@pytest.mark.parametrize(
    ("name", "rotation", "size"),
    [
        ("video/decord_rotation_0.mov", 0, (568, 320)),
        ("video/decord_rotation_90.mov", 90, (320, 568)),
        ("video/decord_rotation_180.mov", 180, (568, 320)),
        ("video/decord_rotation_270.mov", 270, (320, 568)),
        ("derived/rotated90_metadata.mp4", 270, (432, 768)),
    ],
)
def test_rotated_clips_are_turned_as_opencv_turns_them(
    name: str, rotation: int, size: tuple[int, int]
) -> None:
    import cv2

    video = video_of(MEDIA / name)
    assert (video.rotation, (video.width, video.height)) == (rotation, size)
    frame = next(iter(ChunkDecoder(chunk_spec(video, 0, 1))))
    _, expected = cv2.VideoCapture(str(MEDIA / name)).read()
    assert np.array_equal(frame.bgr(is_upright=True), expected)
    assert frame.rgb(*size).shape == expected.shape
    assert np.abs(frame.rgb(*size)[:, :, ::-1].astype(int) - expected).mean() < 4


def test_scene_pictures_are_those_of_pyscenedetects_own_reader() -> None:
    from scenedetect.backends.pyav import VideoStreamAv

    path = MEDIA / "video" / "pyfeat_no_face.mp4"
    video = video_of(path)
    reader = VideoStreamAv(str(path), suppress_output=True)
    assert all(np.array_equal(reader.read(), frame.bgr()) for frame in ChunkDecoder(chunk_spec(video, 0, 40)))
