"""Cuts a block's speech into segments for a recognizer: at most 30 s each, and none shared by two blocks."""

from __future__ import annotations

from typing import Final

import numpy as np

from actors.audio.voice_activity import FRAME_SAMPLES, frames_within, middles_s, spans
from schemas.inference.transcript import SpeechSegment
from schemas.media.audio import SAMPLE_RATE
from schemas.media.frames import Floats, Floats32, Ints
from schemas.settings.settings import AudioSettings
from schemas.work.audio_block import AudioBlock

MAX_SEGMENT_S: Final = 30.0  # What Whisper takes at once.
# Searched on each side of a border between blocks for the quietest moment.
SEARCH_SAMPLES: Final = 5 * SAMPLE_RATE


def around(block: AudioBlock) -> tuple[int, int]:
    """The samples `[first, stop)` whose voice scores decide where the block's speech begins and ends."""
    return max(0, block.first - SEARCH_SAMPLES), min(block.sound.samples, block.stop + SEARCH_SAMPLES)


def speech_segments(
    block: AudioBlock, frames: Ints, scores: Floats32, samples: Floats32, begin: int, settings: AudioSettings
) -> tuple[SpeechSegment, ...]:
    """Speech segments of the block.

    `frames` and `scores` cover `around(block)`; `samples` begin at sample `begin` and cover it too.
    """
    total = block.sound.samples
    first, stop = (border(sample, total, frames, scores) for sample in (block.first, block.stop))
    # With the frame at which the next block begins: voice that goes on lasts until there.
    own = (frames >= first) & (frames <= stop)
    return tuple(
        _segment(start_s, end_s, samples, begin)
        for start_s, end_s in stretches(frames[own], scores[own], settings)
    )


def border(sample: int, total: int, frames: Ints, scores: Floats32) -> int:
    """The frame at which speech is cut near a border between blocks: the one with the weakest voice.

    Both blocks find the same frame. The ends of the sound are no borders.
    """
    if sample <= 0 or sample >= total:
        return -(-sample // FRAME_SAMPLES)
    near = np.isin(
        frames, frames_within(max(0, sample - SEARCH_SAMPLES), min(total, sample + SEARCH_SAMPLES))
    )
    return int(frames[near][scores[near].argmin()])


def stretches(
    frames: Ints, scores: Floats32, settings: AudioSettings, *, longest_s: float = MAX_SEGMENT_S
) -> list[tuple[float, float]]:
    """Voice in consecutive frames as stretches `[start_s, end_s)` of at most `longest_s`.

    Neighbours are joined, long stretches are cut. Voice that is not below `voice_offset` where the frames
    begin may have begun before. Source: whisperX's `merge_chunks` and `Binarize` (Bain et al., WhisperX,
    Interspeech 2023).
    """
    times, stretches_s = middles_s(frames), list[tuple[float, float]]()
    is_voiced_before = len(frames) > 0 and frames[0] > 0 and bool(scores[0] >= settings.voice_offset)
    for span in spans(
        scores.tolist(), settings.voice_onset, settings.voice_offset, is_voiced_before=is_voiced_before
    ):
        for first, stop in _parts(*span, times, scores, longest_s):
            if stretches_s and times[stop] - stretches_s[-1][0] <= longest_s:
                stretches_s[-1] = (stretches_s[-1][0], float(times[stop]))
            else:
                stretches_s.append((float(times[first]), float(times[stop])))
    return stretches_s


def _parts(first: int, stop: int, times: Floats, scores: Floats32, longest_s: float) -> list[tuple[int, int]]:
    """Cuts the frames `[first, stop)` into parts of at most `longest_s`.

    Each cut is where the voice is weakest in the second half of what is too long.
    """
    parts: list[tuple[int, int]] = []
    while times[stop] - times[first] > longest_s:
        over = int(np.searchsorted(times, times[first] + longest_s, side="right"))
        middle = first + 1 + (over - first - 1) // 2
        cut = middle + int(scores[middle:over].argmin())
        parts.append((first, cut))
        first = cut
    return [*parts, (first, stop)]


def _segment(start_s: float, end_s: float, samples: Floats32, begin: int) -> SpeechSegment:
    first, stop = (round(time_s * SAMPLE_RATE) for time_s in (start_s, end_s))
    return SpeechSegment(samples[first - begin : stop - begin], first / SAMPLE_RATE)
