"""Every decoder gives each frame of a chunk exactly once, in order, bit for bit as a decode of the whole
video does.
"""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.container.frame import DecodedFrame
from actors.decoding.decoder import ChunkDecoder
from actors.probing.probe import probe
from schemas.errors import Unreadable
from schemas.media.frames import Pixels
from schemas.media.video import Video
from tests.support.media import clips
from tests.support.media.decoding import (
    BACKENDS,
    EXAMPLES,
    Backend,
    chunks,
    digest,
    every_case,
    joined,
    whole,
)
from vaengine.planning.plan import chunk_spec

# Mean difference to the pictures of an independent decode, in steps of 255; none elsewhere. decord's FFmpeg
# rounds deep colours otherwise.
DIFFERENCES = {("DecordDecoder", "h264_10bit"): 2.5, ("DecordDecoder", "prores_mov"): 1.0}

every_backend = pytest.mark.parametrize("backend", BACKENDS.values(), ids=BACKENDS)


def plainly_decoded(path: str, stream_index: int) -> list[tuple[int | None, Pixels]]:
    """Presentation time and native picture of every frame, by PyAV alone and nothing of this project."""
    shown: list[tuple[int | None, Pixels]] = []
    with av.open(path) as container:
        stream = container.streams[stream_index]
        stream.thread_type = "NONE"
        packets = [packet for packet in container.demux(stream) if packet.size]
        for packet in (*packets, None):
            try:
                pictures = stream.codec_context.decode(packet)
            except av.error.FFmpegError:
                continue
            shown += [(picture.pts, picture.to_ndarray(format="bgr24")) for picture in pictures]
    return shown


def frames(backend: Backend, video: Video) -> list[DecodedFrame]:
    return list(backend(chunk_spec(video, 0, len(video.index))))


def differs(one: Pixels, other: Pixels) -> float:
    return float(np.abs(one.astype(int) - other).mean())


@every_case
def test_a_whole_video_gives_every_number_once_and_in_order(
    backend: Backend, variant: str, clip_folder: Path
) -> None:
    clip = clips.VARIANTS[variant](clip_folder)
    video = probe(str(clip.path))
    decoder = backend(chunk_spec(video, 0, len(video.index)))
    frames = list(decoder)
    assert [frame.number for frame in frames] == list(range(clip.frame_count))
    assert [clips.number_of(frame.bgr()) for frame in frames] == clip.numbers
    assert decoder.lost == ()
    assert decoder.notes == ()


@every_case
def test_frames_are_shown_when_they_were_meant_to_be(
    backend: Backend, variant: str, clip_folder: Path
) -> None:
    clip = clips.VARIANTS[variant](clip_folder)
    video, shown = whole(backend, str(clip.path))
    tolerance_s = 1.0 / clip.fps / 2 if not clip.exact else video.time_base
    assert all(
        abs((pts - video.start_pts) * video.time_base - time_s) <= tolerance_s
        for (_, pts, _), time_s in zip(shown, clip.times_s, strict=True)
    )


@every_case
def test_pictures_and_times_equal_those_of_an_independent_decode(
    backend: Backend, variant: str, clip_folder: Path
) -> None:
    clip = clips.VARIANTS[variant](clip_folder)
    video, shown = whole(backend, str(clip.path))
    plain = plainly_decoded(video.path, video.stream_index)
    allowed = DIFFERENCES.get((backend.__name__, variant))
    if allowed:
        assert all(
            differs(frame.bgr(), picture) <= allowed
            for frame, (_, picture) in zip(frames(backend, video), plain, strict=True)
        )
    else:
        assert [picture for _, _, picture in shown] == [digest(picture) for _, picture in plain]
    if clip.exact:
        assert [pts for _, pts, _ in shown] == [pts for pts, _ in plain]


@every_case
def test_cutting_at_keyframes_changes_nothing(backend: Backend, variant: str, clip_folder: Path) -> None:
    clip = clips.VARIANTS[variant](clip_folder)
    video, shown = whole(backend, str(clip.path))
    assert joined(backend, video, video.index.keyframes[1:].tolist()) == shown


@every_case
@EXAMPLES
@given(data=st.data())
def test_cutting_anywhere_changes_nothing(
    backend: Backend, variant: str, clip_folder: Path, data: st.DataObject
) -> None:
    clip = clips.VARIANTS[variant](clip_folder)
    video, shown = whole(backend, str(clip.path))
    if not video.index.exact or len(video.index) < 2:
        return  # one chunk by definition
    cuts = data.draw(st.sets(st.integers(1, len(video.index) - 1), min_size=1, max_size=3))
    assert joined(backend, video, sorted(cuts)) == shown


@every_case
@EXAMPLES
@given(data=st.data())
def test_a_chunk_ends_with_the_frame_after_it(
    backend: Backend, variant: str, clip_folder: Path, data: st.DataObject
) -> None:
    clip = clips.VARIANTS[variant](clip_folder)
    video, shown = whole(backend, str(clip.path))
    if not video.index.exact or len(video.index) < 2:
        return
    stop = data.draw(st.integers(1, len(video.index) - 1))
    *_, frame = backend(chunk_spec(video, 0, stop))
    assert frame.is_trailing
    assert (frame.number, frame.pts, digest(frame.bgr())) == shown[stop]


@every_backend
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_model_pictures_are_upright_and_scene_pictures_as_stored(
    backend: Backend, degrees: int, clip_folder: Path
) -> None:
    clip = clips.counting(clip_folder, frames=2, width=320, height=160, rotation=degrees)
    video = probe(str(clip.path))
    frame = next(iter(backend(chunk_spec(video, 0, 1))))
    width, height = clip.width // 2, clip.height // 2
    stored, displayed = frame.bgr(), frame.rgb(width, height)
    assert stored.shape == (160, 320, 3)
    assert displayed.shape == (height, width, 3)
    turned_back = np.rot90(displayed, degrees // 90)[:, :, ::-1].astype(int)
    halved = stored.reshape(80, 2, 160, 2, 3).mean(axis=(1, 3))
    assert np.abs(turned_back - halved).mean() < 8  # a wrong turn or swapped colours give more than 30
    assert np.array_equal(frame.bgr(is_upright=True), np.rot90(stored, -(degrees // 90)))


@pytest.mark.parametrize("variant", ["h264_mirrored", "h264_mirrored_90"])
def test_mirrored_pictures_are_shown_as_in_a_mirror(variant: str, clip_folder: Path) -> None:
    clip = clips.VARIANTS[variant](clip_folder)
    frame = _frame(ChunkDecoder, clip, 3)
    stored = frame.bgr()
    assert clips.number_of(stored) == 3
    assert np.array_equal(frame.bgr(is_upright=True), np.rot90(stored, -(clip.rotation // 90))[:, ::-1])
    assert differs(frame.rgb(clip.width, clip.height)[:, :, ::-1], frame.bgr(is_upright=True)) < 8
    assert differs(frame.rgb(clip.width, clip.height, "linear")[:, :, ::-1], frame.bgr(is_upright=True)) == 0


@every_backend
def test_a_pictures_views_are_the_same_each_time(backend: Backend, clip_folder: Path) -> None:
    clip = clips.VARIANTS["h264_odd_size_444"](clip_folder)
    frame = _frame(backend, clip, 7)
    again = _frame(backend, clip, 7)
    assert digest(frame.rgb(96, 54)) == digest(frame.rgb(96, 54)) == digest(again.rgb(96, 54))
    assert frame.rgb(96, 54).flags.c_contiguous


@every_backend
def test_more_threads_give_the_same_pictures(backend: Backend, clip_folder: Path) -> None:
    video, shown = whole(backend, str(clips.VARIANTS["h264_pyramid"](clip_folder).path))
    threaded = backend(chunk_spec(video, 0, len(video.index)), threads=2)
    assert [digest(frame.bgr()) for frame in threaded] == [picture for _, _, picture in shown]


def test_frames_that_gave_no_picture_are_lost_by_number(clip_folder: Path) -> None:
    clip = clips.truncated(clip_folder)
    video = probe(str(clip.path))
    decoder = ChunkDecoder(chunk_spec(video, 0, len(video.index)))
    seen = [clips.number_of(frame.bgr()) for frame in decoder]
    assert video.frame_count == clip.frame_count
    assert seen + list(decoder.lost) == list(range(len(video.index)))
    assert len(decoder.lost) == 1  # the packet that was cut through
    assert "packet skipped" in " ".join(decoder.notes)


@EXAMPLES
@given(data=st.data())
def test_damage_does_not_end_a_chunk_and_looks_the_same_however_it_is_cut(
    clip_folder: Path, data: st.DataObject
) -> None:
    video, shown = whole(ChunkDecoder, str(clips.bitflips(clip_folder)))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(video.index) - 1), min_size=1, max_size=3)))
    assert joined(ChunkDecoder, video, cuts) == shown


def test_damage_is_told(clip_folder: Path) -> None:
    video = probe(str(clips.bitflips(clip_folder)))
    decoder = ChunkDecoder(chunk_spec(video, 0, len(video.index)))
    assert len(list(decoder)) + len(decoder.lost) == len(video.index)
    assert 1 <= len(decoder.notes) <= 4


def test_lost_frames_are_those_of_the_chunk_that_holds_them(clip_folder: Path) -> None:
    video = probe(str(clips.truncated(clip_folder).path))
    middle = len(video.index) // 2
    first, second = (ChunkDecoder(chunk_spec(video, *stretch)) for stretch in chunks(video, [middle]))
    assert (len(list(first)), first.lost) == (middle + 1, ())  # with the one that trails
    assert len(list(second)) == len(video.index) - middle - 1
    assert second.lost == (len(video.index) - 1,)


@every_backend
def test_a_file_that_has_gone_is_unreadable(backend: Backend, tmp_path: Path) -> None:
    clip = clips.counting(tmp_path, frames=3)
    video = probe(str(clip.path))
    clip.path.unlink()
    with pytest.raises(Unreadable, match=clip.path.name):
        list(backend(chunk_spec(video, 0, 3)))


def _frame(backend: Backend, clip: clips.Clip, number: int) -> DecodedFrame:
    video = probe(str(clip.path))
    return next(frame for frame in backend(chunk_spec(video, number, number + 1)) if not frame.is_trailing)
