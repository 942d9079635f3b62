"""Scores of voice become stretches: where voice begins and ends, how long a stretch may be, and where
blocks part.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.audio.speech_segments import (
    MAX_SEGMENT_S,
    SEARCH_SAMPLES,
    around,
    border,
    speech_segments,
    stretches,
)
from actors.audio.voice_activity import (
    FRAME_SAMPLES,
    STEP_SAMPLES,
    WINDOW_FRAMES,
    WINDOW_SAMPLES,
    aggregated,
    frames_within,
    middles_s,
    reach,
    voiced,
    window_frames,
    windows_of,
)
from schemas.media.audio import BLOCK_SAMPLES, SAMPLE_RATE, AudioStream
from schemas.media.frames import Floats32
from schemas.pipelines import AUDIO
from schemas.settings.settings import AudioSettings
from schemas.work.audio_block import AudioBlock
from schemas.work.chunk import WorkKey

ONSET, OFFSET = 0.5, 0.363
SETTINGS = AudioSettings(voice_onset=ONSET, voice_offset=OFFSET)
KEY = WorkKey("clip-12345678", AUDIO, "0" * 16)

scores_of_frames = st.lists(st.floats(0, 1, width=32), max_size=200).map(
    lambda values: np.array(values, np.float32)
)


def frames_of(scores: Floats32, first: int = 0) -> np.ndarray:
    return np.arange(first, first + len(scores))


def spoken(*parts: tuple[float, float]) -> Floats32:
    """Scores of parts that last so many seconds each."""
    return np.concatenate(
        [np.full(round(seconds * SAMPLE_RATE / FRAME_SAMPLES), score) for score, seconds in parts]
    ).astype(np.float32)


def block_of(total: int, first: int) -> AudioBlock:
    sound = AudioStream(0, "pcm_s16le", SAMPLE_RATE, 1, Fraction(1, SAMPLE_RATE), 0, total)
    return AudioBlock("a.wav", sound, KEY, first, min(total, first + BLOCK_SAMPLES))


@given(scores_of_frames)
def test_stretches_are_in_order_apart_and_begin_above_the_onset(scores: Floats32) -> None:
    found = voiced(frames_of(scores), scores, ONSET, OFFSET)
    times = middles_s(frames_of(scores)).tolist()
    assert all(end <= start for (_, end, _), (start, _, _) in pairwise(found))
    for start_s, end_s, confidence in found:
        first, stop = times.index(start_s), times.index(end_s)
        assert first < stop
        assert scores[first] > ONSET
        assert (scores[first:stop] >= OFFSET).all()
        assert scores[stop] < OFFSET or stop == len(scores) - 1
        assert confidence == pytest.approx(scores[first:stop].mean(), abs=1e-6)


@given(scores_of_frames)
def test_every_frame_above_the_onset_but_the_last_lies_in_a_stretch(scores: Floats32) -> None:
    found = voiced(frames_of(scores), scores, ONSET, OFFSET)
    for time_s in middles_s(frames_of(scores))[:-1][scores[:-1] > ONSET].tolist():
        assert any(start_s <= time_s < end_s for start_s, end_s, _ in found)


def test_voice_ends_where_frames_are_missing() -> None:
    frames, scores = np.concatenate([np.arange(10), np.arange(50, 60)]), np.ones(20, np.float32)
    assert [(start, end) for start, end, _ in voiced(frames, scores, ONSET, OFFSET)] == [
        (middles_s(frames)[0], middles_s(frames)[9]),
        (middles_s(frames)[10], middles_s(frames)[19]),
    ]


def test_no_frames_are_no_voice() -> None:
    assert voiced(np.zeros(0, np.int64), np.zeros(0, np.float32), ONSET, OFFSET) == []


@given(st.lists(st.integers(0, 10**7), min_size=2, max_size=6))
def test_each_frame_begins_in_one_block_only(borders: list[int]) -> None:
    borders = sorted(borders)
    parts = [frames_within(first, stop) for first, stop in pairwise(borders)]
    assert np.array_equal(np.concatenate(parts), frames_within(borders[0], borders[-1]))


@given(st.integers(1, 10**7), st.integers(0, 10**7))
def test_the_windows_of_a_frame_lie_within_reach(total: int, first: int) -> None:
    first %= total
    stop = min(total, first + FRAME_SAMPLES)
    windows = windows_of(frames_within(first, stop), total)
    begin, end = reach(first, stop)
    assert (windows * STEP_SAMPLES >= begin).all()
    assert (windows * STEP_SAMPLES + WINDOW_SAMPLES <= end).all()


@given(st.integers(1, 4 * WINDOW_SAMPLES))
def test_windows_cover_the_whole_sound_and_none_begins_behind_it(total: int) -> None:
    windows = windows_of(frames_within(0, total), total)
    assert np.array_equal(windows, np.arange(len(windows)))
    assert windows[-1] * STEP_SAMPLES + WINDOW_SAMPLES >= total
    assert len(windows) == 1 or windows[-1] * STEP_SAMPLES < total


@given(st.integers(1, 30), st.integers(0, 2**16), st.integers(0, 1000), st.integers(1, 1000))
def test_the_mean_of_a_frame_is_the_same_whichever_part_is_asked_for(
    count: int, seed: int, first: int, length: int
) -> None:
    heard = np.random.default_rng(seed).uniform(0, 1, (count, WINDOW_FRAMES)).astype(np.float32)
    everything = np.arange(int(window_frames(np.array([count - 1]))[0]) + WINDOW_FRAMES)
    whole = aggregated(everything, np.arange(count), heard)
    part = everything[first % len(everything) :][:length]
    windows = np.flatnonzero(
        (window_frames(np.arange(count)) <= part[-1])
        & (window_frames(np.arange(count)) + WINDOW_FRAMES > part[0])
    )
    assert np.array_equal(aggregated(part, windows, heard[windows]), whole[part])


def test_the_mean_of_equal_scores_is_that_score() -> None:
    frames = np.arange(WINDOW_FRAMES)
    assert aggregated(frames, np.arange(2), np.full((2, WINDOW_FRAMES), 0.25, np.float32)) == pytest.approx(
        0.25
    )


@given(scores_of_frames, st.floats(0.1, 2.0))
def test_no_stretch_is_longer_than_it_may_be_and_none_overlaps_another(
    scores: Floats32, longest_s: float
) -> None:
    found = stretches(frames_of(scores), scores, SETTINGS, longest_s=longest_s)
    assert all(0 < end - start <= longest_s for start, end in found)
    assert all(end <= start for (_, end), (start, _) in pairwise(found))


@given(scores_of_frames, st.floats(0.1, 2.0))
def test_stretches_hold_all_voice(scores: Floats32, longest_s: float) -> None:
    found = stretches(frames_of(scores), scores, SETTINGS, longest_s=longest_s)
    for start_s, end_s, _ in voiced(frames_of(scores), scores, ONSET, OFFSET):
        inside = [
            (max(start, start_s), min(end, end_s)) for start, end in found if start < end_s and end > start_s
        ]
        assert sum(end - start for start, end in inside) == pytest.approx(end_s - start_s)


def test_voice_that_lasts_too_long_is_cut_where_it_is_weakest() -> None:
    scores = spoken((0.9, 20), (0.6, 0.1), (0.9, 25))
    (first, second) = stretches(frames_of(scores), scores, SETTINGS)
    assert first[1] == second[0] == pytest.approx(20.05, abs=0.06)


def test_short_voices_are_heard_together() -> None:
    scores = spoken((0, 1), (0.9, 10), (0, 2), (0.9, 10), (0, 2), (0.9, 10), (0, 1))
    assert stretches(frames_of(scores), scores, SETTINGS) == [
        pytest.approx((1, 23), abs=0.08),
        pytest.approx((25, 35), abs=0.08),
    ]


@given(st.integers(0, 2**16), st.integers(1, SEARCH_SAMPLES))
def test_both_blocks_find_the_same_border_however_much_else_they_know(seed: int, length: int) -> None:
    total = BLOCK_SAMPLES + length
    before, after = block_of(total, 0), block_of(total, BLOCK_SAMPLES)
    # With ties.
    scores = np.random.default_rng(seed).integers(0, 5, total // FRAME_SAMPLES + 1).astype(np.float32)
    found = set()
    for block in (before, after):
        frames = frames_within(*around(block))
        found.add(border(BLOCK_SAMPLES, total, frames, scores[frames]))
    (frame,) = found
    assert abs(frame * FRAME_SAMPLES - BLOCK_SAMPLES) <= SEARCH_SAMPLES


def test_speech_across_a_border_is_heard_once_and_whole() -> None:
    total = 2 * BLOCK_SAMPLES
    scores = spoken((0, 110), (0.9, 12), (0.45, 0.1), (0.9, 10), (0, 108.1))
    scores = np.pad(scores, (0, max(0, len(frames_within(0, total)) - len(scores))))
    parts = []
    for first in (0, BLOCK_SAMPLES):
        block = block_of(total, first)
        low, high = around(block)
        frames = frames_within(low, high)
        samples = np.arange(low, high + SAMPLE_RATE, dtype=np.float32)
        parts.append(speech_segments(block, frames, scores[frames], samples, low, SETTINGS))
    (before,), (after,) = parts
    assert before.start_s == pytest.approx(110, abs=0.05)
    assert before.start_s + len(before.samples) / SAMPLE_RATE == pytest.approx(after.start_s)
    assert after.start_s == pytest.approx(122.05, abs=0.06)
    assert after.samples[0] == round(after.start_s * SAMPLE_RATE), "float32 holds these numbers exactly"
    assert len(after.samples) / SAMPLE_RATE == pytest.approx(10.05, abs=0.06)
    assert len(before.samples) <= MAX_SEGMENT_S * SAMPLE_RATE
