"""Levels of sound, and what is kept of a block once its samples are gone."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.audio.loudness import FLOOR_DBFS, levels
from schemas.inference.transcript import AudioAnalysis, AudioEvent, RecognizedWord, SpeakerTurn, Utterance
from schemas.media.audio import SAMPLE_RATE, AudioStream
from schemas.pipelines import AUDIO
from schemas.work.audio_block import AudioBlock
from schemas.work.chunk import WorkKey

KEY = WorkKey("clip-12345678", AUDIO, "0" * 16)


def sound(*, seconds: float = 10.0, rate: int = 44_100) -> AudioStream:
    return AudioStream(1, "aac", rate, 2, Fraction(1, rate), rate, rate + round(seconds * rate))


def heard(first_second: int, speakers: int = 2) -> AudioAnalysis:
    return AudioAnalysis(
        voice_frames=np.arange(first_second * 59, first_second * 59 + 59),
        voice=np.linspace(0, 1, 59, dtype=np.float32),
        seconds=np.array([first_second]),
        rms_dbfs=np.array([-20.5], np.float32),
        peak_dbfs=np.array([-3.25], np.float32),
        utterances=(
            Utterance(
                first_second,
                first_second + 1,
                "bin blue",
                "en",
                0.5,
                (RecognizedWord("bin", 0.1, 0.4, 0.9), RecognizedWord("blue", None, None)),
            ),
        ),
        turns=tuple(SpeakerTurn(first_second, first_second + 0.5, number) for number in range(speakers)),
        speakers=np.eye(speakers, 4, dtype=np.float32),
        events=(AudioEvent("laughter", first_second, first_second + 1, 0.75),),
        lost=3,
    )


def test_a_full_sine_is_three_decibels_below_its_peak() -> None:
    rms, peak = levels(np.sin(np.arange(2 * SAMPLE_RATE) * 2 * np.pi * 440 / SAMPLE_RATE).astype(np.float32))
    assert rms == pytest.approx([-3.0103, -3.0103], abs=0.001)
    assert peak == pytest.approx([0, 0], abs=0.001)


def test_silence_has_the_lowest_level_there_is() -> None:
    rms, peak = levels(np.zeros(SAMPLE_RATE, np.float32))
    assert (rms.tolist(), peak.tolist(), rms.dtype) == ([FLOOR_DBFS], [FLOOR_DBFS], np.float32)


def test_a_last_second_that_is_not_whole_has_a_level_too() -> None:
    rms, _ = levels(np.concatenate([np.zeros(SAMPLE_RATE), np.full(100, 0.1)]).astype(np.float32))
    assert rms == pytest.approx([FLOOR_DBFS, -20], abs=0.001)


@given(st.floats(0.001, 1.0), st.integers(0, 2**16))
def test_a_level_rises_with_the_sound_and_its_peak_is_never_below_it(gain: float, seed: int) -> None:
    noise = np.random.default_rng(seed).uniform(-1, 1, 800).astype(np.float32)
    (loud, top), (soft, low) = levels(noise), levels(noise * np.float32(gain))
    assert soft[0] == pytest.approx(loud[0] + 20 * np.log10(gain), abs=0.01)
    assert low[0] >= soft[0]
    assert top[0] >= loud[0]


def test_what_was_heard_survives_being_stored() -> None:
    one = heard(3)
    data = one.to_bytes()
    again = AudioAnalysis.from_bytes(data)
    assert again.to_bytes() == data
    assert (again.utterances, again.turns, again.events, again.lost) == (
        one.utterances,
        one.turns,
        one.events,
        3,
    )
    assert np.array_equal(again.voice, one.voice)


def test_turns_of_joined_blocks_point_at_their_own_speakers() -> None:
    whole = AudioAnalysis.joined([heard(0), heard(1, speakers=0), heard(2, speakers=1)])
    assert [turn.speaker for turn in whole.turns] == [0, 1, 2]
    assert (len(whole.speakers), whole.lost, whole.seconds.tolist()) == (3, 9, [0, 1, 2])


@pytest.mark.parametrize(("first", "stop"), [(-1, 10), (10, 10), (0, 160_001)])
def test_a_block_lies_within_its_sound(first: int, stop: int) -> None:
    with pytest.raises(ValueError, match="within its sound"):
        AudioBlock("a.mp4", sound(), KEY, first, stop)


def test_a_sound_is_counted_in_samples_at_the_rate_of_what_listens() -> None:
    assert (sound().samples, sound().start, sound().duration_s) == (160_000, 1, 10.0)


def test_a_sound_cannot_end_before_it_begins() -> None:
    with pytest.raises(ValueError, match="impossible sound"):
        AudioStream(0, "aac", 16_000, 1, Fraction(1, 16_000), 10, 10)
