"""Samples are those of the file, at the right time, and the same wherever it is cut."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from actors.decoding import audio_decoder
from actors.decoding.audio_decoder import SEGMENT_S, decoded
from actors.probing.probe import probe
from schemas.errors import NoSoundStream, NotAVideo, UnknownCoding
from schemas.media.audio import SAMPLE_RATE, AudioStream
from schemas.media.frames import Floats32
from tests.conftest import SHARED
from tests.support.media import clips

MEDIA = SHARED / "media"
CODINGS: dict[str, dict[str, Any]] = {
    "pcm_44100_wav": {"codec": "pcm_s16le", "suffix": ".wav", "rate": 44_100},
    "pcm_8000_stereo_wav": {"codec": "pcm_s16le", "suffix": ".wav", "rate": 8_000, "layout": "stereo"},
    "flac_96000": {"codec": "flac", "suffix": ".flac", "rate": 96_000},
    "mp3_44100": {"codec": "libmp3lame", "suffix": ".mp3", "rate": 44_100, "layout": "stereo"},
    "aac_44100_mp4": {"codec": "aac", "suffix": ".mp4", "rate": 44_100, "layout": "stereo"},
    "aac_44100_mkv_in_milliseconds": {"codec": "aac", "suffix": ".mkv", "rate": 44_100},
    "opus_webm": {"codec": "libopus", "suffix": ".webm", "rate": 48_000},
    "mp2_in_a_program_stream": {
        "codec": "mp2",
        "suffix": ".mpg",
        "rate": 44_100,
        "layout": "stereo",
        "starts_s": 0,
    },
    "aac_beside_pictures": {"codec": "aac", "suffix": ".mp4", "rate": 48_000, "starts_s": 0},
    "aac_later_than_pictures": {"codec": "aac", "suffix": ".mp4", "rate": 44_100, "starts_s": Fraction(3, 2)},
    "aac_later_in_a_transport_stream": {"codec": "aac", "suffix": ".ts", "rate": 44_100, "starts_s": 2},
}
REAL = [
    "audio/fw_multilingual.mp3",
    "audio/jfk.flac",
    "audio/fw_stereo_diarization.wav",
    "audio/torchcodec_nasa_13013.mp3",
    "derived/audio_8k_mono.wav",
    "derived/audio_only.webm",
    "derived/grid_11_talkers_33s.mp4",
    "derived/h264_aac.ts",
    "derived/mpeg4_mp3.avi",
    "derived/video_starts_late.mp4",
    "derived/vp9_opus.webm",
    "video/grid/id2_swwp2s.mpg",
    "video/mgt_dancer.avi",
    "video/torchcodec_nasa_13013.mp4",
    "broken/truncated.wav",
    "broken/bitflips_400.mp4",
    "broken/truncated_60pct_moov_first.mp4",
]
WITHIN_S = 0.003  # an encoder smears a burst over a few milliseconds
UNTOLD_S = 0.015  # MP2 does not say how much silence its encoder has put in front


def sound_of(path: Path) -> AudioStream:
    sound = probe(str(path)).sound
    assert sound is not None
    return sound


def whole(path: Path) -> tuple[AudioStream, Floats32]:
    sound = sound_of(path)
    return sound, decoded(str(path), sound, 0, sound.samples)[0]


def cuts(sound: AudioStream) -> list[tuple[int, int]]:
    """Stretches at odd places, at the borders of what is decoded at once, and over both ends."""
    border, end = min(SEGMENT_S * SAMPLE_RATE, sound.samples), sound.samples
    return [
        (-500, 1500),
        (end // 3 + 1, end // 3 + 9_001),
        (border - 777, border),
        (border - 1, min(border + 4_000, end)),
        (end - 3_001, end + 700),
    ]


@pytest.mark.parametrize("coding", CODINGS)
def test_a_click_is_heard_when_it_was_made(coding: str, clip_folder: Path) -> None:
    clicks = clips.clicking(clip_folder, **CODINGS[coding])
    _, samples = whole(clicks.path)
    begins_s = probe(
        str(clicks.path)
    ).sound_start_s  # an encoder may put some silence in front, before the pictures' zero
    within_s = UNTOLD_S if clicks.path.suffix == ".mpg" else WITHIN_S
    assert begins_s == pytest.approx(float(clicks.starts_s), abs=0.03)
    for at_s in clicks.at_s:
        due_s = float(at_s + clicks.starts_s) - begins_s
        near = slice(max(0, round((due_s - 0.05) * SAMPLE_RATE)), round((due_s + 0.05) * SAMPLE_RATE))
        loud = np.flatnonzero(np.abs(samples[near]) > 0.25) + near.start
        assert loud[0] / SAMPLE_RATE == pytest.approx(due_s, abs=within_s)


@pytest.mark.parametrize("coding", CODINGS)
def test_sound_lasts_as_long_as_it_was_made(coding: str, clip_folder: Path) -> None:
    clicks = clips.clicking(clip_folder, **CODINGS[coding])
    sound = sound_of(clicks.path)
    assert (sound.duration_s, sound.missing_s) == (pytest.approx(clicks.seconds, abs=0.06), 0.0)
    assert (sound.sample_rate, sound.channels) == (
        CODINGS[coding]["rate"],
        2 if "layout" in CODINGS[coding] else 1,
    )


@pytest.mark.parametrize(
    "coding",
    [pytest.param(name, marks=[pytest.mark.long] * (number % 3 > 0)) for number, name in enumerate(CODINGS)],
)
def test_wherever_rendered_sound_is_cut_its_samples_are_the_same(coding: str, clip_folder: Path) -> None:
    assert_cut_anywhere(clips.clicking(clip_folder, **CODINGS[coding]).path)


@pytest.mark.shared
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.long] * (number % 3 > 0)) for number, name in enumerate(REAL)],
)
def test_wherever_real_sound_is_cut_its_samples_are_the_same(name: str) -> None:
    assert_cut_anywhere(MEDIA / name)


def assert_cut_anywhere(path: Path) -> None:
    sound, samples = whole(path)
    padded = np.pad(samples, 1_000)
    for first, stop in cuts(sound):
        got, _ = decoded(str(path), sound, first, stop)
        assert got.dtype == np.float32
        assert np.array_equal(got, padded[first + 1_000 : stop + 1_000]), (first, stop)


@pytest.mark.shared
@pytest.mark.parametrize("name", [name for name in REAL if "broken" not in name])
def test_samples_are_those_of_a_plain_decode_and_resampling(name: str) -> None:
    sound, samples = whole(MEDIA / name)
    plain = plainly_decoded(MEDIA / name, sound)
    length = min(len(plain), len(samples))
    assert abs(len(plain) - len(samples)) <= 0.04 * SAMPLE_RATE, (
        "a packet's end may be cut off by the container"
    )
    edge = 64  # the resampler mirrors what it has at both ends, where ours hears silence
    assert np.abs(plain[edge : length - edge] - samples[edge : length - edge]).max() < 0.02
    assert np.abs(plain - 0)[: length - edge].max() > 0.01


def plainly_decoded(path: Path, sound: AudioStream) -> Floats32:
    """All frames one after the other by PyAV alone."""
    resampler, pieces = av.AudioResampler("s16", "mono", SAMPLE_RATE), []
    with av.open(str(path)) as container:
        for frame in container.decode(container.streams[sound.stream_index]):
            frame.pts = None
            pieces.extend(piece.to_ndarray()[0] for piece in resampler.resample(frame))
        pieces.extend(piece.to_ndarray()[0] for piece in resampler.resample(None))
    return np.concatenate(pieces).astype(np.float32) / 32768


@pytest.mark.shared
def test_damaged_packets_are_silent_and_counted() -> None:
    path = MEDIA / "broken" / "bitflips_400.mp4"
    sound = sound_of(path)
    samples, is_lost = decoded(str(path), sound, 0, sound.samples)
    assert 0.2 < is_lost.mean() < 0.5
    assert (samples[is_lost] == 0).mean() > 0.9, "but for what the resampler's filter spreads into the edges"
    assert samples[~is_lost].std() > 0.1


def test_a_hole_in_a_transport_stream_is_lost_and_what_follows_keeps_its_time(
    clip_folder: Path, tmp_path: Path
) -> None:
    clicks = clips.clicking(clip_folder, **CODINGS["aac_later_in_a_transport_stream"])
    data, packet = clicks.path.read_bytes(), 188
    low, high = (int(len(data) * share) // packet * packet for share in (0.3, 0.5))
    path = tmp_path / "hole.ts"
    path.write_bytes(data[:low] + data[high:])
    sound = sound_of(path)
    samples, is_lost = decoded(str(path), sound, 0, sound.samples)
    assert 2 < is_lost.sum() / SAMPLE_RATE < 8
    last_s = float(clicks.at_s[-1])
    near = slice(round((last_s - 0.05) * SAMPLE_RATE), round((last_s + 0.05) * SAMPLE_RATE))
    assert np.abs(samples[near]).max() > 0.25


def test_a_hole_in_a_transport_stream_is_lost_however_long_it_is(clip_folder: Path, tmp_path: Path) -> None:
    """So long that there are stretches, decoded by themselves, in which nothing at all is found."""
    clicks = clips.clicking(clip_folder, **CODINGS["aac_later_in_a_transport_stream"])
    path, hole_s, from_s = tmp_path / "long_hole.ts", 65, 14
    with av.open(str(clicks.path)) as source, av.open(str(path), "w") as output:
        stream = source.streams.audio[0]
        copied = output.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.size:
                later = hole_s if packet.pts * packet.time_base >= from_s else 0
                packet.pts, packet.dts = (
                    round(at + later / packet.time_base) for at in (packet.pts, packet.dts)
                )
                packet.stream = copied
                output.mux(packet)
    sound = sound_of(path)
    _, is_lost = decoded(str(path), sound, 0, sound.samples)
    assert is_lost.sum() / SAMPLE_RATE == pytest.approx(hole_s, abs=0.05)
    pieces = [
        decoded(str(path), sound, first, first + 7 * SAMPLE_RATE)[1].sum()
        for first in range(0, sound.samples, 7 * SAMPLE_RATE)
    ]
    assert sum(pieces) == is_lost.sum()


def test_whole_sound_has_lost_nothing(clip_folder: Path) -> None:
    for coding in CODINGS.values():
        clicks = clips.clicking(clip_folder, **coding)
        sound = sound_of(clicks.path)
        assert not decoded(str(clicks.path), sound, 0, sound.samples)[1].any()


def test_channels_are_averaged(tmp_path: Path) -> None:
    path = tmp_path / "two.wav"
    left, right = np.full(SAMPLE_RATE, 8_000, np.int16), np.full(SAMPLE_RATE, -2_000, np.int16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=SAMPLE_RATE, layout="stereo")
        frame = av.AudioFrame.from_ndarray(
            np.stack([left, right], 1).reshape(1, -1), format="s16", layout="stereo"
        )
        frame.sample_rate = SAMPLE_RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert np.allclose(whole(path)[1], 3_000 / 32_768, atol=1e-6)


def wav_of(path: Path, channels: Floats32, *, rate: int = SAMPLE_RATE) -> Path:
    """A WAVE file as recorders write it: 16 bits, N x channels in -1..1, no word on where the channels
    are.
    """
    data = (channels * 32_767).astype("<i2").tobytes()
    count = channels.shape[1]
    facts = (16, 1, count, rate, SAMPLE_RATE * 2 * count, 2 * count, 16)
    header = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", *facts)
    path.write_bytes(header + struct.pack("<4sI", b"data", len(data)) + data)
    return path


@pytest.mark.parametrize("count", [9, 17, 32])
def test_many_channels_of_which_nobody_says_where_they_are_are_averaged(count: int, tmp_path: Path) -> None:
    channels = np.zeros((SAMPLE_RATE, count), np.float32)
    channels[:, 0], channels[:, -1] = 0.5, 0.25
    path = wav_of(tmp_path / "array.wav", channels)
    sound, samples = whole(path)
    assert not decoded(str(path), sound, 0, sound.samples)[1].any()
    assert np.allclose(samples, 0.75 / count, atol=1e-4)


def test_frames_that_cannot_be_mixed_are_lost_and_those_after_them_are_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A damaged packet may decode to as many channels as it likes."""
    mixed, calls = audio_decoder._Mono._mixed, iter(range(1_000))

    def refusing(self: Any, frame: Any) -> list[Floats32]:
        if 3 <= next(calls) < 5:
            raise av.error.ArgumentError(22, "Invalid argument")
        return mixed(self, frame)

    monkeypatch.setattr(audio_decoder._Mono, "_mixed", refusing)
    path = wav_of(tmp_path / "tone.wav", np.full((SAMPLE_RATE, 1), 0.5, np.float32))
    sound = sound_of(path)
    samples, is_lost = decoded(str(path), sound, 0, sound.samples)
    assert is_lost.any()
    assert (samples[is_lost] == 0).all()
    assert np.allclose(samples[~is_lost], 0.5, atol=1e-3)


@pytest.mark.long
def test_a_copy_that_ends_in_zeros_is_heard_up_to_them(clip_folder: Path, tmp_path: Path) -> None:
    """As an interrupted download leaves it.

    At some places the decoder holds back a frame that then says nothing of its clock.
    """
    clicks = clips.clicking(clip_folder, codec="libopus", suffix=".webm", seconds=5)
    data, path = clicks.path.read_bytes(), tmp_path / "copy.webm"
    for at in range(len(data) * 2 // 5, len(data), len(data) // 40):
        path.write_bytes(data[:at] + bytes(len(data) - at))
        samples = np.abs(whole(path)[1])
        first = round(float(clicks.at_s[0]) * SAMPLE_RATE)
        assert samples[first - SAMPLE_RATE // 100 : first + SAMPLE_RATE // 100].max() > 0.25, at
        assert samples[: first - SAMPLE_RATE // 50].max() < 0.01, at


def test_an_impossible_rate_is_refused_by_name_and_takes_no_memory(tmp_path: Path) -> None:
    path = wav_of(tmp_path / "fast.wav", np.zeros((SAMPLE_RATE, 1), np.float32), rate=0x40000000)
    sound = sound_of(path)
    with pytest.raises(UnknownCoding, match="1,073,741,824 samples a second"):
        decoded(str(path), sound, 0, sound.samples)


def test_a_file_that_has_changed_is_told(clip_folder: Path, tmp_path: Path) -> None:
    clicks = clips.clicking(clip_folder, **CODINGS["aac_beside_pictures"])
    sound = sound_of(clicks.path)
    with pytest.raises(NoSoundStream, match="the sound that was found in it is not there any more"):
        decoded(str(clips.counting(clip_folder, frames=3).path), sound, 0, 100)
    with pytest.raises(NotAVideo):
        decoded(str(clips.not_a_video(tmp_path)), sound, 0, 100)
