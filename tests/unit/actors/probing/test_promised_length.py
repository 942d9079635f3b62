"""Whether a file is as long as its header says: a complete one always is, its first half never, and what
promises nothing lacks nothing.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.probing.declared_length import Promise, promise_of
from actors.probing.declared_length.riff import wav_length_of
from actors.probing.probe import probe
from vaengine.planning.prober import probe_path

FPS = 25
PICTURES = {  # suffix: FFmpeg's format, coding, pixel format
    ".mkv": ("matroska", "mpeg4", "yuv420p"),
    ".webm": ("webm", "libvpx", "yuv420p"),
    ".avi": ("avi", "mpeg4", "yuv420p"),
    ".wmv": ("asf", "wmv2", "yuv420p"),
    ".flv": ("flv", "flv1", "yuv420p"),
    ".mxf": ("mxf", "mpeg2video", "yuv420p"),
    ".ivf": ("ivf", "libvpx", "yuv420p"),
    ".y4m": ("yuv4mpegpipe", "rawvideo", "yuv420p"),
}
SOUNDS = {  # suffix: FFmpeg's format, coding, options of the container
    ".wav": ("wav", "pcm_s16le", {}),
    ".mp3.wav": ("wav", "mp3", {}),
    ".rf64.wav": ("wav", "pcm_s16le", {"rf64": "always"}),
    ".w64": ("w64", "pcm_s16le", {}),
    ".aiff": ("aiff", "pcm_s16be", {}),
    ".ogg": ("ogg", "flac", {}),
    ".opus.ogg": ("ogg", "libopus", {}),
    ".mka": ("matroska", "flac", {}),
    ".wma": ("asf", "wmav2", {}),
}
NAMES = {"mkv": "matroska", "mka": "matroska", "wmv": "asf", "wma": "asf", "y4m": "yuv4mpegpipe"}
COMPLETE = settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def pictures(file_format: str, codec: str, pix_fmt: str, frames: int) -> bytes:
    """A file of noise, so that no frame is small, as FFmpeg writes it."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=file_format) as container:
        stream = container.add_stream(codec, rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pix_fmt
        noise = np.random.default_rng(frames)
        for _ in range(frames):
            frame = av.VideoFrame.from_ndarray(
                noise.integers(0, 255, (48, 64, 3), np.uint8), format="rgb24"
            ).reformat(format=pix_fmt)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def sound(file_format: str, codec: str, options: dict[str, str], tenths: int) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=file_format, container_options=options) as container:
        stream = container.add_stream(codec, rate=48_000, layout="mono")
        noise = np.random.default_rng(tenths)
        stream.bit_rate = 64_000
        for tenth in range(tenths):
            wave = (noise.standard_normal((1, 4800)) * 3000).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(wave, format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 48_000, tenth * 4800, Fraction(1, 48_000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


@cache
def written(suffix: str, length: int) -> bytes:
    """A complete file of so many frames, or tenths of a second of sound."""
    if suffix in PICTURES:
        return pictures(*PICTURES[suffix], length)
    return sound(*SOUNDS[suffix], length)


def promised(data: bytes, suffix: str, folder: Path) -> tuple[Promise, Path]:
    path = folder / f"file{suffix}"
    path.write_bytes(data)
    name = suffix.rsplit(".", 1)[-1]
    return promise_of(str(path), frozenset({NAMES.get(name, name)})), path


@pytest.mark.parametrize("suffix", [*PICTURES, *SOUNDS])
@COMPLETE
@given(length=st.integers(4, 40))
def test_a_complete_file_keeps_its_promise_and_its_first_half_never_does(
    suffix: str, length: int, tmp_path: Path
) -> None:
    data = written(suffix, length)
    promise, _ = promised(data, suffix, tmp_path)
    assert promise.is_kept(len(data))
    assert promise.note(len(data)) is None
    assert promise.missing_s(len(data), Fraction(0), Fraction(1)) == 0
    half, _ = promised(data[: len(data) // 2], suffix, tmp_path)
    assert not half.is_kept(len(data) // 2)
    assert "truncated" in str(half.note(len(data) // 2))


@pytest.mark.parametrize(
    "suffix", [".mkv", ".webm", ".avi", ".wmv", ".flv", ".wav", ".aiff", ".w64", ".mxf", ".mka"]
)
@COMPLETE
@given(share=st.floats(0.3, 0.97))
def test_wherever_a_file_is_cut_behind_its_header_that_is_known(
    suffix: str, share: float, tmp_path: Path
) -> None:
    data = written(suffix, 40)
    cut = int(len(data) * share)
    assert not promised(data[:cut], suffix, tmp_path)[0].is_kept(cut)


@pytest.mark.parametrize("suffix", [".mkv", ".webm", ".avi", ".wmv", ".flv"])
def test_frames_that_are_missing_are_counted_by_the_length_that_is_promised(
    suffix: str, tmp_path: Path
) -> None:
    data = written(suffix, 40)
    assert promised(data, suffix, tmp_path)[0].length_s == pytest.approx(40 / FPS, abs=2 / FPS)
    _, path = promised(data[: len(data) // 2], suffix, tmp_path)
    video = probe(str(path))
    assert video.frame_count == pytest.approx(40, abs=2)
    assert 10 <= video.index.missing <= 30
    assert "truncated" in video.file_notes[0]


@pytest.mark.parametrize("suffix", [*PICTURES, *SOUNDS])
def test_of_a_complete_file_nothing_is_missing_and_nothing_is_said(suffix: str, tmp_path: Path) -> None:
    _, path = promised(written(suffix, 40), suffix, tmp_path)
    video = probe(str(path))
    assert (video.index.missing, video.file_notes) == (0, ())
    assert video.sound is None or video.sound.missing_s == 0


@pytest.mark.parametrize("suffix", [".wav", ".rf64.wav", ".w64", ".aiff", ".mka", ".wma", ".mp3.wav"])
def test_sound_that_is_missing_is_known_in_seconds(suffix: str, tmp_path: Path) -> None:
    data = written(suffix, 40)
    _, path = promised(data[: len(data) // 2], suffix, tmp_path)
    heard = probe(str(path)).sound
    assert heard is not None
    assert heard.duration_s + heard.missing_s == pytest.approx(4.0, abs=0.3)
    assert heard.missing_s == pytest.approx(2.0, abs=0.3)


@pytest.mark.parametrize("suffix", [".y4m", ".ivf", ".ogg"])
def test_what_ends_within_something_is_told_though_nobody_knows_how_much_is_missing(
    suffix: str, tmp_path: Path
) -> None:
    data = written(suffix, 40)
    _, path = promised(data[: len(data) // 2], suffix, tmp_path)
    assert "truncated" in probe(str(path)).file_notes[0]


def with_size(data: bytes, at: int, size: int, order: str = "<I") -> bytes:
    return data[:at] + struct.pack(order, size) + data[at + struct.calcsize(order) :]


def broadcast(data: bytes) -> bytes:
    at = data.find(bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")) + 24 + 64
    return with_size(data, at, struct.unpack_from("<I", data, at)[0] | 1)


def without_numbers(data: bytes) -> bytes:
    for name in (b"\x00\x08duration\x00", b"\x00\x08filesize\x00"):
        at = data.find(name) + len(name)
        data = data[:at] + bytes(8) + data[at + 8 :]
    return data


def never_closed(data: bytes) -> bytes:
    """An MXF header that knows of no footer."""
    at = data.find(bytes.fromhex("060e2b34020501010d01020101")) + 16
    pack = at + 1 + (data[at] & 127 if data[at] & 128 else 0)
    return with_size(data, pack + 24, 0, ">Q")


@pytest.mark.parametrize(
    ("suffix", "changed"),
    [
        (
            ".mkv",
            lambda data: with_size(
                data, data.find(bytes.fromhex("18538067")) + 4, (1 << 56) - 1 | 1 << 56, ">Q"
            ),
        ),
        (".avi", lambda data: with_size(data, 4, 0)),
        (".avi", lambda data: with_size(data, 4, 0xFFFFFFFF)),
        (".wav", lambda data: with_size(with_size(data, 4, 0xFFFFFFFF), data.find(b"data") + 4, 0xFFFFFFFF)),
        (".wav", lambda data: with_size(with_size(data, 4, 0), data.find(b"data") + 4, 0)),
        (".wmv", broadcast),
        (".flv", without_numbers),
        (".mxf", never_closed),
        (".aiff", lambda data: with_size(data, 4, 0, ">I")),
    ],
    ids=["mkv", "avi_0", "avi_max", "wav_max", "wav_0", "wmv", "flv", "mxf", "aiff"],
)
def test_a_recording_that_promises_nothing_lacks_nothing_wherever_it_ends(
    suffix: str, changed: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    data = changed(written(suffix, 40))[: len(written(suffix, 40)) // 2]
    promise, _ = promised(data, suffix, tmp_path)
    assert promise.is_kept(len(data))


def test_an_avi_of_several_parts_is_as_long_as_the_last_one_says(tmp_path: Path) -> None:
    data = written(".avi", 10)
    part = b"RIFF" + struct.pack("<I", 104) + b"AVIX" + bytes(100)
    assert promised(data + part, ".avi", tmp_path)[0].is_kept(len(data) + 112)
    assert not promised(data + part[:60], ".avi", tmp_path)[0].is_kept(len(data) + 60)


def test_the_length_of_a_wave_file_with_long_sizes_is_known() -> None:
    assert wav_length_of(io.BytesIO(written(".rf64.wav", 20))) == 2


def test_where_only_the_size_is_promised_the_bytes_that_are_missing_play_like_the_others() -> None:
    assert Promise(size_bytes=400).missing_s(100, Fraction(1), Fraction(3)) == 6
    assert Promise(lacks_end=True).missing_s(100, Fraction(1), Fraction(3)) is None


@pytest.mark.parametrize("suffix", [*PICTURES, *SOUNDS])
@COMPLETE
@given(data=st.data())
def test_no_damaged_header_ends_its_reader(suffix: str, data: st.DataObject, tmp_path: Path) -> None:
    damaged = bytearray(written(suffix, 4))
    for at in data.draw(st.lists(st.integers(0, min(511, len(damaged) - 1)), max_size=20)):
        damaged[at] = data.draw(st.integers(0, 255))
    promise, path = promised(bytes(damaged), suffix, tmp_path)
    assert promise.length_s >= 0
    looked = probe_path(str(path))
    assert looked.video is not None or looked.error is not None
