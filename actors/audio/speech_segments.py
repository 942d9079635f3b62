"""A block's stretches of speech as a recognizer takes them: at most half a minute each, and none that
another block has too.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from actors.audio.voice_activity import FRAME_SAMPLES, frames_within, middles_s, spans
from schemas.inference.transcript import SpeechSegment
from schemas.media.audio import SAMPLE_RATE
from schemas.media.frames import Floats, Floats32, Ints
from schemas.settings.settings import AudioSettings
from schemas.work.audio_block import AudioBlock

LONGEST_S: Final = 30.0  # what Whisper hears at once
SEARCH: Final = (
    5 * SAMPLE_RATE
)  # on each side of a border between blocks, for the quietest moment to part them at


def around(block: AudioBlock) -> tuple[int, int]:
    """Samples whose scores of voice tell where the block's speech begins and ends."""
    return max(0, block.first - SEARCH), min(block.sound.samples, block.stop + SEARCH)


def speech_segments(
    block: AudioBlock, frames: Ints, scores: Floats32, samples: Floats32, begin: int, settings: AudioSettings
) -> tuple[SpeechSegment, ...]:
    """Stretches of voice of the block; `frames` and `scores` cover `around(block)`, `samples` begin at
    sample `begin` and do so too.
    """
    total = block.sound.samples
    first, stop = (border(sample, total, frames, scores) for sample in (block.first, block.stop))
    own = (frames >= first) & (
        frames <= stop
    )  # with the frame at which the next block begins: voice that goes on lasts until there
    return tuple(
        _speech(start_s, end_s, samples, begin)
        for start_s, end_s in stretches(frames[own], scores[own], settings)
    )


def border(sample: int, total: int, frames: Ints, scores: Floats32) -> int:
    """The frame at which speech is parted near a border between blocks: of the weakest voice, which both
    blocks find alike.

    The ends of the sound are no borders.
    """
    if sample <= 0 or sample >= total:
        return -(-sample // FRAME_SAMPLES)
    near = np.isin(frames, frames_within(max(0, sample - SEARCH), min(total, sample + SEARCH)))
    return int(frames[near][scores[near].argmin()])


def stretches(
    frames: Ints, scores: Floats32, settings: AudioSettings, *, longest_s: float = LONGEST_S
) -> list[tuple[float, float]]:
    """Voice in consecutive frames as stretches `[start_s, end_s)` that last up to `longest_s`: neighbours
    together, long ones cut.

    Voice that is not below `voice_offset` where the frames begin may have begun before. Source: whisperX's
    `merge_chunks` and `Binarize` (Bain et al., WhisperX, Interspeech 2023).
    """
    times, found = middles_s(frames), list[tuple[float, float]]()
    is_going_on = len(frames) > 0 and frames[0] > 0 and bool(scores[0] >= settings.voice_offset)
    for span in spans(scores.tolist(), settings.voice_onset, settings.voice_offset, is_going_on=is_going_on):
        for first, stop in _short(*span, times, scores, longest_s):
            if found and times[stop] - found[-1][0] <= longest_s:
                found[-1] = (found[-1][0], float(times[stop]))
            else:
                found.append((float(times[first]), float(times[stop])))
    return found


def _short(first: int, stop: int, times: Floats, scores: Floats32, longest_s: float) -> list[tuple[int, int]]:
    """Places `[first, stop)` in parts of at most `longest_s`, cut where the voice is weakest in the
    second half of what is too long.
    """
    parts: list[tuple[int, int]] = []
    while times[stop] - times[first] > longest_s:
        over = int(np.searchsorted(times, times[first] + longest_s, side="right"))
        middle = first + 1 + (over - first - 1) // 2
        cut = middle + int(scores[middle:over].argmin())
        parts.append((first, cut))
        first = cut
    return [*parts, (first, stop)]


def _speech(start_s: float, end_s: float, samples: Floats32, begin: int) -> SpeechSegment:
    first, stop = (round(time_s * SAMPLE_RATE) for time_s in (start_s, end_s))
    return SpeechSegment(samples[first - begin : stop - begin], first / SAMPLE_RATE)
