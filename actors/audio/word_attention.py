"""When each word is said, by Whisper's own attention: for languages and machines that have no model to align
letters with.

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

HOP: Final = SAMPLE_RATE // 100  # samples from one frame of Whisper's picture of sound to the next
MOST_FRAMES: Final = 3000
FLOOR, TOP = 10.0, 95.0  # percentiles of the level that stand for silence and for speech
CLICK: Final = 5  # frames: what lasts less than half of them is no speech
SOUNDING: Final = 0.25  # of the way from silence to speech in decibels: from there on something is said
WITHOUT_SPACES: Final = (
    "ja",
    "zh",
    "yue",
    "th",
    "lo",
    "my",
)  # pieces as the tokenizer splits them are the words


def timed_words(
    model: Any, tokenizer: Any, encoded: Any, texts: Sequence[str], speeches: Sequence[SpeechSegment]
) -> list[tuple[RecognizedWord, ...]]:
    """Words of each text with their times, seconds since the first sample of the sound.

    `encoded` holds the stretches as the model's encoder left them, one row for each; rows do not depend on
    each other.
    """
    tokens = [tokenizer.encode(text or ".") for text in texts]  # a row without tokens is not taken
    frames = [min(MOST_FRAMES, max(1, len(speech.samples) // HOP)) for speech in speeches]
    found = model.find_alignment(tokenizer, tokens, encoded, frames)
    has_spaces = tokenizer.language_code not in WITHOUT_SPACES
    return [
        words_of(pieces, speech, has_spaces=has_spaces) if text else ()
        for text, pieces, speech in zip(texts, found, speeches, strict=True)
    ]


def words_of(
    pieces: Sequence[Mapping[str, Any]], speech: SpeechSegment, *, has_spaces: bool
) -> tuple[RecognizedWord, ...]:
    """Words from pieces (`word`, `start`, `end` in seconds since the stretch began, `probability`), without
    the silence around each.

    A mark of punctuation belongs to the word before it, and lasts no time: attention rests on it while nobody
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
    """For each hundredth of a second of a stretch whether it is nearer to its speech than to its silence,
    by loudness.
    """
    whole = len(samples) // HOP * HOP
    power = (samples[:whole].reshape(-1, HOP).astype(np.float64) ** 2).mean(axis=1)
    if not len(power):
        return []
    level = 10 * np.log10(np.maximum(power, 1e-10))
    level = np.median(
        np.lib.stride_tricks.sliding_window_view(np.pad(level, CLICK // 2, mode="edge"), CLICK), axis=1
    )
    floor, top = np.percentile(level, [FLOOR, TOP])
    loud: list[bool] = (level >= floor + SOUNDING * (top - floor)).tolist()
    return loud


def trimmed(start_s: float, end_s: float, is_sounding: Sequence[bool]) -> tuple[float, float]:
    """The stretch `[start_s, end_s)` without the silence at both ends; as it is where nothing else is in
    it.
    """
    first, stop = (round(time_s * SAMPLE_RATE / HOP) for time_s in (start_s, end_s))
    loud = [frame for frame in range(first, min(stop, len(is_sounding))) if is_sounding[frame]]
    if not loud:
        return start_s, end_s
    return max(start_s, loud[0] * HOP / SAMPLE_RATE), min(end_s, (loud[-1] + 1) * HOP / SAMPLE_RATE)
