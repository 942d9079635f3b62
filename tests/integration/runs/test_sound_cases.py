"""Small files whose sound has the property of a public bug report, each with its right answer."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from actors.decoding.audio_decoder import decoded
from actors.finalize.results import left_out_note
from schemas.media.audio import SAMPLE_RATE
from schemas.media.frames import Floats32
from schemas.media.video import Video
from tests.conftest import SHARED
from vaengine.planning.prober import Prober

pytestmark = pytest.mark.shared

CASES = SHARED / "media" / "cases"


@pytest.fixture(scope="module")
def prober() -> Iterator[Prober]:
    """A process that looks into files as that of a run does: some of these files ended it."""
    one = Prober()
    yield one
    one.close()


def looked_at(prober: Prober, name: str) -> Video:
    probed = prober.probe(str(CASES / name))
    assert probed.error is None, probed.error
    assert probed.video is not None
    assert (probed.video.sound_fault, probed.video.picture_fault) == (None, None)
    return probed.video


def heard(video: Video) -> tuple[Floats32, float]:
    """All samples of the usual track, and how many seconds of them are lost."""
    assert video.sound is not None
    samples, is_lost = decoded(video.path, video.sound, 0, video.sound.samples)
    return samples, float(is_lost.sum() / SAMPLE_RATE)


def loud_s(samples: Floats32) -> float:
    """Seconds in which there is anything to hear, by tenths."""
    tenths = [samples[at : at + SAMPLE_RATE // 10] for at in range(0, len(samples), SAMPLE_RATE // 10)]
    return sum(len(tenth) for tenth in tenths if np.abs(tenth).max() > 1e-3) / SAMPLE_RATE


@pytest.mark.parametrize(
    ("name", "channels", "lasts_s"),
    [
        ("mov_71_small.mov", 8, 0.4),
        ("mov_RL.mov", 2, 1.2),
        ("b05_concat_reset.ts", 2, 4.83),
        ("wv71.mkv", 8, 1.2),
    ],
)
def test_all_of_the_sound_is_heard(name: str, channels: int, lasts_s: float, prober: Prober) -> None:
    video = looked_at(prober, name)
    assert video.sound is not None
    assert (video.sound.channels, video.sound.duration_s) == (channels, pytest.approx(lasts_s, abs=0.005))
    assert video.sound_start_s == pytest.approx(0, abs=0.03)
    samples, lost_s = heard(video)
    assert lost_s < 0.05
    assert loud_s(samples) == pytest.approx(lasts_s, abs=0.3)


def test_sound_of_joined_recordings_lies_beside_their_pictures(prober: Prober) -> None:
    video = looked_at(prober, "b05_concat_reset.ts")
    assert video.sound is not None
    assert video.sound_start_s + video.sound.duration_s == pytest.approx(video.duration_s, abs=0.03)


def test_other_tracks_are_known_and_can_be_chosen(prober: Prober) -> None:
    video = looked_at(prober, "b15b_two_audio_none_default.mkv")
    assert video.sound is not None
    assert left_out_note(video.sound, video.sounds).startswith(
        "the sound is track 0 (aac); left out: track 1 (aac)"
    )
    assert [loud_s(heard(video.listening_to(track))[0]) > 2 for track in (0, 1)] == [False, True]


@pytest.mark.parametrize("name", ["mov_71_small.mov", "mov_RL.mov"])
def test_where_nothing_listens_the_pictures_are_known_all_the_same(name: str, prober: Prober) -> None:
    video = prober.probe(str(CASES / name), sound=False).video
    assert video is not None
    assert (video.has_pictures, video.is_sound_known) == (True, False)
