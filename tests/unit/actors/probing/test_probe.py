"""What a file is, before anything is decoded."""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import pytest

from actors.container.container import opened
from actors.probing import probe as probing
from actors.probing.declared_length.riff import wav_length_s
from actors.probing.probe import failed_identity, fingerprint_of, probe
from schemas.errors import (
    EmptyFile,
    NoFrames,
    NotAVideo,
    NoVideoStream,
    NoVideoTrack,
    UnknownCoding,
    Unreadable,
    VideoError,
)
from tests.conftest import SHARED
from tests.support.media import clips
from vaengine.planning import probing as probing_room
from vaengine.planning.prober import probe_path


@pytest.mark.parametrize("variant", clips.VARIANTS)
def test_facts_are_those_the_clip_was_made_with(variant: str, clip_folder: Path) -> None:
    clip = clips.VARIANTS[variant](clip_folder)
    video = probe(str(clip.path))
    assert (video.frame_count, video.index.exact, video.index.missing) == (clip.frame_count, clip.exact, 0)
    assert (video.width, video.height, video.rotation, video.mirrored) == (
        clip.width,
        clip.height,
        clip.rotation,
        clip.mirrored,
    )
    assert video.end_pts > video.index.pts[-1]
    assert video.index.keyframes[0] == 0


def test_the_last_frame_ends_when_its_duration_is_over(clip_folder: Path) -> None:
    video = probe(str(clips.counting(clip_folder, frames=24, fps=12).path))
    assert video.duration_s == pytest.approx(2.0)
    assert video.nominal_fps == Fraction(12)


def test_a_late_start_is_zero_of_the_videos_time(clip_folder: Path) -> None:
    video = probe(str(clips.VARIANTS["h264_late_start"](clip_folder).path))
    assert video.start_pts * video.time_base == Fraction(5, 2)
    assert video.time_s(video.start_pts) == 0.0


def test_a_raw_streams_rate_is_that_of_its_packets(clip_folder: Path) -> None:
    video = probe(str(clips.VARIANTS["raw_h264"](clip_folder).path))
    assert (video.nominal_fps, video.duration_s) == (12, 4.0)


def test_of_several_streams_the_best_is_taken(clip_folder: Path) -> None:
    clip = clips.two_video_streams(clip_folder)
    video = probe(str(clip.path))
    assert (video.stream_index, video.frame_count, video.width) == (1, clip.frame_count, clip.width)


def test_other_video_tracks_are_named_and_can_be_chosen(clip_folder: Path) -> None:
    path = str(clips.two_video_streams(clip_folder).path)
    assert probe(path).notes == (
        "video track 0 (160x120 h264) left out, track 1 taken: choose with --set decode.video_track=NUMBER",
    )
    small = probe(path, video_track=0)
    assert (small.stream_index, small.track, small.frame_count, small.width) == (0, 0, 24, 160)
    assert small.notes[0].startswith("video track 1 (320x240 h264) left out, track 0 taken")
    assert probe(path).video_id == small.video_id


def test_a_video_track_that_is_not_there_is_told(clip_folder: Path) -> None:
    with pytest.raises(NoVideoTrack, match="no video track 2 in it, it has 2"):
        probe(str(clips.two_video_streams(clip_folder).path), video_track=2)


def test_cover_art_beside_pictures_is_no_track(clip_folder: Path) -> None:
    video = probe(str(clips.with_cover(clip_folder).path))
    assert (video.width, video.frame_count, video.notes) == (160, 24, ())


def test_a_known_video_is_looked_at_again_where_another_track_is_asked_for(
    clip_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(clips.two_video_streams(clip_folder).path)
    known = probe_path(path).video
    assert known is not None
    monkeypatch.setattr(probing_room, "Prober", lambda: SimpleNamespace(probe=probe_path, close=lambda: None))
    for track, stream in ((None, 1), (0, 0)):
        probing = probing_room.Probing([path], lambda _paths: {path: known}, video_track=track)
        (found,) = probing.page(10, 15)
        probing.close()
        assert found.video is not None
        assert (found.video.stream_index, found.video == known) == (stream, track is None)


def test_pictures_that_a_camera_has_turned_in_their_exif_are_turned(tmp_path: Path) -> None:
    """PyAV knows nothing of the kind of such notes, and hands over none."""
    tiff = b"II*\0\x08\0\0\0" + struct.pack("<HHHIHHI", 1, 0x0112, 3, 1, 6, 0, 0)
    exif = b"\xff\xe1" + struct.pack(">H", 8 + len(tiff)) + b"Exif\0\0" + tiff
    path = tmp_path / "turned.mov"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for coded in (*stream.encode(av.VideoFrame(64, 48, "yuvj420p")), *stream.encode(None)):
            data = bytes(coded)
            packet = av.Packet(data[:2] + exif + data[2:])
            packet.pts, packet.dts, packet.duration, packet.time_base = (
                coded.pts,
                coded.dts,
                coded.duration,
                coded.time_base,
            )
            packet.stream, packet.is_keyframe = stream, True
            container.mux(packet)
    video = probe(str(path))
    assert (video.rotation, video.width, video.height) == (90, 48, 64)


def test_with_intra_refresh_only_the_first_keyframe_is_an_entry(clip_folder: Path) -> None:
    video = probe(str(clips.VARIANTS["h264_intra_refresh_ts"](clip_folder).path))
    assert video.index.exact
    assert video.index.keyframes.tolist() == [0]


def test_where_coding_parameters_change_only_the_first_keyframe_is_an_entry(clip_folder: Path) -> None:
    steady, changing = (
        clips.joined_encodings(clip_folder, alike=True),
        clips.joined_encodings(clip_folder, alike=False),
    )
    assert len(probe(str(steady.path)).index.keyframes) > 1
    assert probe(str(changing.path)).index.keyframes.tolist() == [0]


def test_frames_that_the_header_promises_in_vain_are_missing(clip_folder: Path) -> None:
    clip = clips.truncated(clip_folder)
    index = probe(str(clip.path)).index
    assert (len(index), index.missing) == (clip.frame_count - clip.missing, clip.missing)
    assert index.missing > 0


def test_damage_without_loss_of_packets_leaves_the_index_exact(clip_folder: Path) -> None:
    index = probe(str(clips.bitflips(clip_folder))).index
    assert (len(index), index.missing, index.exact) == (60, 0, True)


def test_identity_is_of_the_content_and_the_name(tmp_path: Path, clip_folder: Path) -> None:
    data = clips.counting(clip_folder, frames=3).path.read_bytes()
    (tmp_path / "a b.mp4").write_bytes(data)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a b.mp4").write_bytes(data)
    one, two = probe(str(tmp_path / "a b.mp4")), probe(str(tmp_path / "other" / "a b.mp4"))
    assert one.fingerprint == two.fingerprint == hashlib.sha256(data).hexdigest()
    assert one.video_id == two.video_id == f"a_b-{one.fingerprint[:8]}"


def test_a_known_fingerprint_is_not_computed_again(
    clip_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = clips.counting(clip_folder, frames=3)
    monkeypatch.setattr(probing, "fingerprint_of", lambda path: pytest.fail(f"read {path} again"))
    assert probe(str(clip.path), fingerprint="ab" * 32).fingerprint == "ab" * 32


def test_a_relative_path_becomes_absolute(clip_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = clips.counting(clip_folder, frames=3)
    monkeypatch.chdir(clip.path.parent)
    assert probe(clip.path.name).path == str(clip.path)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (clips.empty, EmptyFile, "0 bytes"),
        (clips.not_a_video, NotAVideo, "Invalid data"),
        (clips.zero_frames, NoFrames, "ends with its header"),
        (clips.playlist, NotAVideo, "not a video"),
        (clips.captions_only, NoVideoStream, "no video stream"),
        (lambda folder: folder, Unreadable, "folder"),
        (lambda folder: folder / "gone.mp4", Unreadable, "No such file"),
    ],
)
def test_what_is_no_video_is_told_in_one_line(
    make: object, error: type[VideoError], words: str, tmp_path: Path
) -> None:
    path = make(tmp_path)  # type: ignore[operator]
    with pytest.raises(error) as caught:
        probe(str(path))
    assert type(caught.value) is error
    assert str(caught.value).startswith(str(path))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_pictures_in_an_unknown_coding_are_told_so(clip_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "new.mp4"
    path.write_bytes(
        clips.counting(clip_folder, frames=3)
        .path.read_bytes()
        .replace(b"avc1", b"zzz9")
        .replace(b"avcC", b"zzzC")
    )
    with pytest.raises(UnknownCoding, match="its pictures cannot be decoded here"):
        probe(str(path))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_names_in_another_alphabet_than_the_containers_do_no_harm(suffix: str, tmp_path: Path) -> None:
    """Cameras write titles and handlers in Latin-1, say, where UTF-8 should be."""
    path, title = tmp_path / f"title{suffix}", "Caf-"
    with av.open(str(path), "w") as container:
        container.metadata["title"] = title
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
        container.mux(stream.encode(None))
    data = path.read_bytes()
    assert title.encode() in data
    path.write_bytes(data.replace(title.encode(), "Café".encode("latin-1")))
    assert probe(str(path)).frame_count == 1


@pytest.mark.parametrize("make", [clips.audio_only, clips.cover_art])
def test_a_file_of_sound_alone_has_no_pictures_and_the_time_of_its_sound(
    make: Callable[[Path], Path], clip_folder: Path
) -> None:
    video = probe(str(make(clip_folder)))
    assert video.sound is not None
    assert (video.has_pictures, video.width, video.height, video.stream_index, video.codec) == (
        False,
        0,
        0,
        -1,
        "",
    )
    assert (video.start_pts, video.end_pts, video.time_base) == (
        video.sound.start_pts,
        video.sound.end_pts,
        video.sound.time_base,
    )
    assert (video.sound.sample_rate, video.sound.channels, video.sound_start_s) == (16_000, 2, 0.0)
    assert video.index.exact
    assert video.duration_s == pytest.approx(1.0, abs=0.07)


def test_pictures_are_told_alike_with_and_without_sound_beside_them(clip_folder: Path) -> None:
    video = probe(str(clips.clicking(clip_folder, codec="aac", suffix=".mp4", starts_s=0).path))
    assert (len(video.index), video.duration_s, video.nominal_fps) == (625, 25.0, 25)


def test_silence_that_settles_the_decoder_is_not_heard(clip_folder: Path) -> None:
    sound = probe(str(clips.clicking(clip_folder, codec="aac", suffix=".mp4", starts_s=0).path)).sound
    assert sound is not None
    assert (sound.start, sound.duration_s) == (0, 25.0)


@pytest.mark.parametrize("suffix", [".wav", ".mp4"])
def test_sound_that_the_header_promises_in_vain_is_missing(
    suffix: str, clip_folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / f"cut{suffix}"
    path.write_bytes(
        clips.clicking(clip_folder, suffix=suffix, front=True).path.read_bytes()[: 48_000 * 2 * 10]
    )
    sound = probe(str(path)).sound
    assert sound is not None
    assert sound.duration_s == pytest.approx(10, abs=0.1)
    assert sound.duration_s + sound.missing_s == pytest.approx(25)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_a_wav_file_that_was_written_to_a_pipe_promises_nothing(
    size: int, clip_folder: Path, tmp_path: Path
) -> None:
    data = bytearray(clips.clicking(clip_folder).path.read_bytes())
    at = data.find(b"data")
    data[at + 4 : at + 8] = size.to_bytes(4, "little")
    (tmp_path / "piped.wav").write_bytes(data)
    assert wav_length_s(str(tmp_path / "piped.wav")) == 0


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "facts", "starts_s", "lasts_s", "missing_s"),
    [
        ("derived/h264_aac.ts", (1, "aac", 44100, 2), -0.0232, 6.037, 0.0),
        ("derived/video_starts_late.mp4", (1, "aac", 44100, 2), -2.5, 6.0, 0.0),
        ("derived/audio_8k_mono.wav", (0, "pcm_s16le", 8000, 1), 0.0, 11.0, 0.0),
        ("derived/audio_only.webm", (0, "opus", 48000, 2), 0.0, 11.0, 0.0),
        ("audio/fw_hotwords.mp3", (0, "mp3", 44100, 2), 0.0, 4.0, 0.0),
        ("audio/jfk.flac", (0, "flac", 44100, 2), 0.0, 11.0, 0.0),
        ("video/torchcodec_nasa_13013.mp4", (4, "aac", 16000, 2), 0.0, 13.056, 0.0),
        ("video/pyfeat_face_noface.mov", (0, "aac", 44100, 2), 2.43, 3.9656, 0.0),
        ("broken/truncated.wav", (0, "pcm_s16le", 16000, 1), 0.0, 9.998, 20.002),
        ("broken/truncated_60pct_moov_first.mp4", (1, "aac", 44100, 2), 0.0, 2.717, 3.283),
    ],
)
def test_facts_of_real_sound(
    name: str, facts: tuple[int, str, int, int], starts_s: float, lasts_s: float, missing_s: float
) -> None:
    video = probe(str(SHARED / "media" / name))
    sound = video.sound
    assert sound is not None
    assert (sound.stream_index, sound.codec, sound.sample_rate, sound.channels) == facts
    assert (video.sound_start_s, sound.duration_s, sound.missing_s) == pytest.approx(
        (starts_s, lasts_s, missing_s), abs=0.001
    )


def test_a_file_that_may_not_be_read_is_unreadable(
    clip_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = clips.counting(clip_folder, frames=3)

    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(Unreadable, match="Permission denied"):
        probe(str(clip.path))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_refused_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(Unreadable, match="no ordinary file"):
        probe(str(tmp_path / "pipe.mp4"))


def test_a_readable_file_that_is_no_video_is_known_by_its_content(tmp_path: Path) -> None:
    path = clips.not_a_video(tmp_path)
    content = hashlib.sha256(path.read_bytes()).hexdigest()
    assert failed_identity(str(path)) == (f"letter-{content[:8]}", content)
    assert fingerprint_of(str(path)) == content


@pytest.mark.parametrize("name", ["gone.mp4", "empty.mp4"])
def test_a_file_without_content_is_known_by_its_path(name: str, tmp_path: Path) -> None:
    clips.empty(tmp_path)
    video_id, fingerprint = failed_identity(str(tmp_path / name))
    assert fingerprint == hashlib.sha256(os.fsencode(tmp_path / name)).hexdigest()
    assert video_id == f"{Path(name).stem}-{fingerprint[:8]}"


def test_no_file_leads_to_another_one(tmp_path: Path, clip_folder: Path) -> None:
    path = clips.playlist(tmp_path)
    with pytest.raises(NotAVideo), opened(str(path)):
        pass


def test_a_video_without_sound_has_none(tmp_path: Path) -> None:
    assert probe(str(clips.still(tmp_path).path)).sound is None
