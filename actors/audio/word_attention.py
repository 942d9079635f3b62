"""Times words with Whisper's own attention, where a language or machine has no letter model.

Source: Radford et al., Robust speech recognition via large-scale weak supervision, 2022; the alignment of
openai/whisper's `timing` as CTranslate2 and faster-whisper carry it out (dynamic time warping over the
attention of chosen heads).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from schemas.inference.transcript import RecognizedWord, SpeechSegment
from schemas.media.audio import SAMPLE_RATE
from schemas.media.frames import Floats32

HOP_SAMPLES: Final = SAMPLE_RATE // 100  # From one frame of Whisper's spectrogram to the next.
MAX_FRAMES: Final = 3000
SILENCE_PERCENTILE, SPEECH_PERCENTILE = 10.0, 95.0  # of the level in decibels
MEDIAN_FRAMES: Final = 5  # A sound that lasts less than half of these frames is no speech.
# Share of the way from silence to speech in decibels from which on somebody speaks.
SPEECH_SHARE: Final = 0.25
# In these languages the pieces of the tokenizer are the words.
WITHOUT_SPACES: Final = (
    "ja",
    "zh",
    "yue",
    "th",
    "lo",
    "my",
)


def timed_words(
    model: Any, tokenizer: Any, encoded: Any, texts: Sequence[str], speeches: Sequence[SpeechSegment]
) -> list[tuple[RecognizedWord, ...]]:
    """Words of each text with their times, in seconds since the first sample of the sound.

    `encoded` holds the segments as the model's encoder left them, one row for each; rows do not depend on
    each other.
    """
    tokens = [tokenizer.encode(text or ".") for text in texts]  # the model refuses a row without tokens
    frames = [min(MAX_FRAMES, max(1, len(speech.samples) // HOP_SAMPLES)) for speech in speeches]
    alignments = model.find_alignment(tokenizer, tokens, encoded, frames)
    has_spaces = tokenizer.language_code not in WITHOUT_SPACES
    return [
        words_of(pieces, speech, has_spaces=has_spaces) if text else ()
        for text, pieces, speech in zip(texts, alignments, speeches, strict=True)
    ]


def words_of(
    pieces: Sequence[Mapping[str, Any]], speech: SpeechSegment, *, has_spaces: bool
) -> tuple[RecognizedWord, ...]:
    """Words from pieces, without the silence around each word.

    A piece has `word`, `start` and `end` in seconds since the segment began, and `probability`. A
    punctuation mark belongs to the word before it, and lasts no time: attention rests on it while nobody
    speaks.
    """
    is_sounding = sounding(speech.samples)
    return tuple(_word(group, is_sounding, speech) for group in _grouped(pieces, has_spaces=has_spaces))


def _grouped(pieces: Sequence[Mapping[str, Any]], *, has_spaces: bool) -> list[list[Mapping[str, Any]]]:
    groups: list[list[Mapping[str, Any]]] = []
    for piece in pieces:
        begins = piece["word"].startswith(" ") if has_spaces else _is_said(piece)
        if groups and not (begins and any(map(_is_said, groups[-1]))):
            groups[-1].append(piece)
        elif piece["word"].strip():
            groups.append([piece])
    return groups


def _is_said(piece: Mapping[str, Any]) -> bool:
    return any(char.isalnum() for char in piece["word"])


def _word(
    pieces: Sequence[Mapping[str, Any]], is_sounding: Sequence[bool], speech: SpeechSegment
) -> RecognizedWord:
    said = [piece for piece in pieces if _is_said(piece)] or pieces
    start_s, end_s = trimmed(float(said[0]["start"]), float(said[-1]["end"]), is_sounding)
    limit_s = len(speech.samples) / SAMPLE_RATE
    begin_s, stop_s = (round(speech.start_s + min(time_s, limit_s), 3) for time_s in (start_s, end_s))
    score = round(float(np.mean([piece["probability"] for piece in said])), 3)
    return RecognizedWord("".join(piece["word"] for piece in pieces).strip(), begin_s, stop_s, score)


def sounding(samples: Floats32) -> list[bool]:
    """Whether each hundredth of a second is nearer to speech than to silence, by loudness."""
    whole = len(samples) // HOP_SAMPLES * HOP_SAMPLES
    power = (samples[:whole].reshape(-1, HOP_SAMPLES).astype(np.float64) ** 2).mean(axis=1)
    if not len(power):
        return []
    level = 10 * np.log10(np.maximum(power, 1e-10))
    level = np.median(
        np.lib.stride_tricks.sliding_window_view(
            np.pad(level, MEDIAN_FRAMES // 2, mode="edge"), MEDIAN_FRAMES
        ),
        axis=1,
    )
    floor, top = np.percentile(level, [SILENCE_PERCENTILE, SPEECH_PERCENTILE])
    loud: list[bool] = (level >= floor + SPEECH_SHARE * (top - floor)).tolist()
    return loud


def trimmed(start_s: float, end_s: float, is_sounding: Sequence[bool]) -> tuple[float, float]:
    """The stretch `[start_s, end_s)` without the silence at both ends; unchanged where it is all silence."""
    first, stop = (round(time_s * SAMPLE_RATE / HOP_SAMPLES) for time_s in (start_s, end_s))
    loud = [frame for frame in range(first, min(stop, len(is_sounding))) if is_sounding[frame]]
    if not loud:
        return start_s, end_s
    return max(start_s, loud[0] * HOP_SAMPLES / SAMPLE_RATE), min(
        end_s, (loud[-1] + 1) * HOP_SAMPLES / SAMPLE_RATE
    )
