"""Sound whose clock starts anew on the way is heard to its end, beside its pictures, wherever it is cut."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from actors.container.container import opened
from actors.decoding.audio_decoder import decoded
from actors.probing import audio_probe
from actors.probing.audio_probe import AudioStreamProbe
from actors.probing.probe import StreamChoice, probe
from schemas.media.audio import SAMPLE_RATE
from schemas.media.video import Video
from tests.support.media import clips
from vaengine.rendering.audio_writer import AudioWriter

WITHIN_S = 0.003


def clicks(folder: Path, suffix: str, seconds: int, *, starts_s: int | None = 0) -> clips.Clicks:
    return clips.clicking(
        folder, codec="mp2" if suffix == ".mpg" else "aac", suffix=suffix, seconds=seconds, starts_s=starts_s
    )


def joined(folder: Path, parts: list[clips.Clicks]) -> Path:
    path = folder / f"joined{parts[0].path.suffix}"
    path.write_bytes(b"".join(part.path.read_bytes() for part in parts))
    return path


def bursts_s(video: Video) -> list[float]:
    """When bursts begin, seconds since the first picture."""
    assert video.sound is not None
    samples, is_lost = decoded(video.path, video.sound, 0, video.sound.samples)
    assert is_lost.sum() < 0.05 * SAMPLE_RATE
    loud = np.flatnonzero(np.abs(samples) > 0.25)
    begins = loud[np.flatnonzero(np.diff(loud, prepend=-SAMPLE_RATE) > SAMPLE_RATE // 10)]
    return [float(at) / SAMPLE_RATE + video.sound_start_s for at in begins]


@pytest.mark.parametrize("suffix", [".ts", ".mpg"])
def test_joined_recordings_are_heard_to_their_end_beside_their_pictures(
    suffix: str, clip_folder: Path, tmp_path: Path
) -> None:
    parts = [clicks(clip_folder, suffix, seconds) for seconds in (5, 7, 5)]
    video = probe(str(joined(tmp_path, parts)))
    assert video.sound is not None
    assert video.sound_start_s + video.sound.duration_s == pytest.approx(17, abs=0.1)
    due_s = [float(at) + before for part, before in zip(parts, (0, 5, 12), strict=True) for at in part.at_s]
    assert bursts_s(video) == pytest.approx(due_s, abs=0.02 if suffix == ".mpg" else WITHIN_S)


def test_joined_sound_is_the_same_wherever_it_is_cut(clip_folder: Path, tmp_path: Path) -> None:
    video = probe(str(joined(tmp_path, [clicks(clip_folder, ".ts", seconds) for seconds in (15, 15)])))
    sound = video.sound
    assert sound is not None
    whole, _ = decoded(video.path, sound, 0, sound.samples)
    for first, stop in ((1_000, 5_000), (230_000, 250_000), (318_000, 325_000), (400_000, sound.samples)):
        assert np.array_equal(decoded(video.path, sound, first, stop)[0], whole[first:stop])


def test_joined_sound_without_pictures_goes_on_where_it_ended(clip_folder: Path, tmp_path: Path) -> None:
    video = probe(
        str(
            joined(
                tmp_path,
                [clicks(clip_folder, ".ts", 5, starts_s=None), clicks(clip_folder, ".ts", 7, starts_s=None)],
            )
        )
    )
    assert not video.has_pictures
    assert video.sound is not None
    assert video.sound.duration_s == pytest.approx(12, abs=0.1)


def test_a_clock_that_wraps_is_heard_as_if_it_did_not(clip_folder: Path, tmp_path: Path) -> None:
    plain = clicks(clip_folder, ".ts", 25)
    wrapped = replayed(plain.path, tmp_path / "wrapped.ts", later_s=2**33 / 90_000 - 10)
    assert bursts_s(probe(str(wrapped))) == pytest.approx(bursts_s(probe(str(plain.path))), abs=0.0001)


def replayed(source: Path, target: Path, *, later_s: float) -> Path:
    """The same packets on a later clock, which a transport stream counts in 33 bits."""
    with (
        av.open(str(source)) as container,
        av.open(str(target), "w", options={"output_ts_offset": str(later_s)}) as out,
    ):
        streams = {stream.index: out.add_stream_from_template(stream) for stream in container.streams}
        for packet in container.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream_index]
                out.mux(packet)
    return target


def test_packets_that_do_not_say_how_long_they_are_end_with_their_last_sample(tmp_path: Path) -> None:
    """Matroska has a duration for packets of some codings only."""
    path = tmp_path / "tail.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("wavpack", rate=44_100, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.full((1, 50_000), 0.25, np.float32), "fltp", "mono")
        frame.sample_rate = 44_100
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    sound = probe(str(path)).sound
    assert sound is not None
    assert sound.duration_s == pytest.approx(50_000 / 44_100, abs=0.0011)
    samples, is_lost = decoded(str(path), sound, 0, sound.samples)
    assert not is_lost.any()
    assert np.abs(samples[-200:-20]).min() > 0.2


@pytest.mark.parametrize(
    ("claimed_s", "real_s", "ends_s"),
    [(1.04, 0.25, 2.29), (1.04, 1.04, 3.08), (0.02, 0.04, 2.06), (0, 0.04, 2.08)],
)
def test_a_last_packet_ends_with_its_last_sample_unless_it_is_cut_off(
    claimed_s: float, real_s: float, ends_s: float, monkeypatch: pytest.MonkeyPatch, clip_folder: Path
) -> None:
    """Packets of 1.04 s, such as TTA's, of which the last one claims as much; encoders fill up what
    containers cut off.
    """
    with av.open(str(clicks(clip_folder, ".ts", 5, starts_s=None).path)) as container:
        ears = AudioStreamProbe(container.streams.audio[0], 0, None)
        ticks = [
            Packet(0, 1.04 if claimed_s else 0),
            Packet(1.04, 1.0 if claimed_s else 0),
            Packet(2.04, claimed_s),
        ]
        for packet in ticks:
            ears.note(packet)
        monkeypatch.setattr(audio_probe, "decoded_samples", lambda stream, packets: round(real_s * 48_000))
        sound = ears.sound("sound.ts", frozenset({"mpegts"}))
    assert sound is not None
    assert sound.duration_s == pytest.approx(ends_s, abs=0.001)


class Packet:
    """A packet as a demuxer gives it, in ticks of 90 kHz."""

    is_discard = False

    def __init__(self, at_s: float, lasts_s: float) -> None:
        self.pts = self.dts = round(at_s * 90_000)
        self.duration = round(lasts_s * 90_000)

    def has_sidedata(self, kind: str) -> bool:
        return False


def test_each_kind_of_stream_can_be_looked_at_alone(clip_folder: Path) -> None:
    path = str(clicks(clip_folder, ".ts", 5).path)
    both, pictures, sound = (
        probe(path),
        probe(path, look=StreamChoice(sound=False)),
        probe(path, look=StreamChoice(pictures=False)),
    )
    assert (pictures.index, pictures.sound, pictures.is_sound_known) == (both.index, None, False)
    assert (sound.sound, sound.has_pictures) == (both.sound, False)


@pytest.mark.parametrize("file_format", ["mp4", "matroska"])
def test_a_copy_of_joined_sound_beside_new_pictures_is_as_long(
    file_format: str, clip_folder: Path, tmp_path: Path
) -> None:
    video = probe(str(joined(tmp_path, [clicks(clip_folder, ".ts", seconds) for seconds in (5, 7)])))
    sound, target = video.sound, tmp_path / "copy.mp4"
    assert sound is not None
    with opened(video.path) as source, av.open(str(target), "w", format=file_format) as out:
        stream = source.streams[sound.stream_index]
        AudioWriter(
            source, stream, out, file_format, zero_s=sound.start, end_s=None, restarts=sound.restarts
        ).up_to(None)
    copy = probe(str(target)).sound
    assert copy is not None
    assert copy.duration_s == pytest.approx(sound.duration_s, abs=0.03)
