"""Words and their times from pieces of text and Whisper's attention: without the silence around each."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.audio.word_attention import HOP_SAMPLES, sounding, timed_words, trimmed, words_of
from schemas.inference.transcript import SpeechSegment
from schemas.media.audio import SAMPLE_RATE


def sound(*loud: tuple[float, float], length_s: float = 3.0) -> np.ndarray:
    """Noise that is a hundred times as strong in the stretches `loud`."""
    samples = np.random.default_rng(0).normal(scale=0.001, size=round(length_s * SAMPLE_RATE))
    for start_s, end_s in loud:
        samples[round(start_s * SAMPLE_RATE) : round(end_s * SAMPLE_RATE)] *= 100
    return samples.astype(np.float32)


def piece(word: str, start: float, end: float, probability: float = 0.5) -> dict[str, object]:
    return {"word": word, "start": start, "end": end, "probability": probability}


def test_words_are_parted_at_spaces_and_marks_belong_to_the_word_before() -> None:
    pieces = [
        piece(' "', 0, 0.1),
        piece("Self", 0.1, 0.5),
        piece("-", 0.5, 0.6),
        piece("made", 0.6, 1.0),
        piece(',"', 1.0, 1.5),
    ]
    pieces += [piece(" he", 1.5, 1.8), piece(" said", 1.8, 2.2), piece(".", 2.2, 2.9), piece("", 2.9, 2.9)]
    words = words_of(pieces, SpeechSegment(np.ones(3 * SAMPLE_RATE, np.float32), 10.0), has_spaces=True)
    assert [word.text for word in words] == ['"Self-made,"', "he", "said."]
    assert [(word.start_s, word.end_s) for word in words] == [(10.1, 11.0), (11.5, 11.8), (11.8, 12.2)]


def test_without_spaces_each_piece_is_a_word() -> None:
    words = words_of(
        [piece("今日", 0, 1), piece("は", 1, 2), piece("。", 2, 3)],
        SpeechSegment(sound((0, 3)), 0.0),
        has_spaces=False,
    )
    assert [word.text for word in words] == ["今日", "は。"]


def test_a_word_lasts_only_while_something_is_said() -> None:
    speech = SpeechSegment(sound((0.5, 0.9), (2.0, 2.4)), 0.0)
    words = words_of([piece(" set", 0.0, 0.9), piece(" white", 0.9, 2.6)], speech, has_spaces=True)
    assert [(word.start_s, word.end_s) for word in words] == [
        pytest.approx((0.5, 0.9), abs=0.011),
        pytest.approx((2.0, 2.4), abs=0.011),
    ]


@given(st.floats(0, 2.9), st.floats(0, 1), st.integers(0, 2**300 - 1))
def test_trimming_only_ever_shortens(start_s: float, length_s: float, bits: int) -> None:
    is_sounding = [bool(bits >> frame & 1) for frame in range(300)]
    begin_s, end_s = trimmed(start_s, start_s + length_s, is_sounding)
    assert start_s <= begin_s <= end_s + 1e-9 <= start_s + length_s + 1e-6 or (begin_s, end_s) == (
        start_s,
        start_s + length_s,
    )


def test_of_a_stretch_shorter_than_a_frame_nothing_is_known() -> None:
    assert sounding(np.zeros(HOP_SAMPLES - 1, np.float32)) == []
    assert sounding(np.zeros(0, np.float32)) == []


def test_rows_without_text_have_no_words_and_each_row_is_told_its_own_length() -> None:
    asked: list[list[int]] = []

    def find_alignment(
        tokenizer: object, tokens: object, encoded: object, frames: list[int]
    ) -> list[list[dict[str, object]]]:
        asked.append(frames)
        return [[piece(" yes", 0.0, 9.9)], [piece(" .", 0.0, 1.0)]]

    model, tokenizer = (
        SimpleNamespace(find_alignment=find_alignment),
        SimpleNamespace(encode=lambda text: [1], language_code="en"),
    )
    speeches = [SpeechSegment(sound((0, 1), length_s=1.0), 5.0), SpeechSegment(sound(length_s=31.0), 9.0)]
    first, second = timed_words(model, tokenizer, None, [" yes", ""], speeches)
    assert asked == [[100, 3000]]
    assert (second, first[0].text) == ((), "yes")
    assert first[0].end_s is not None
    assert first[0].end_s <= 6.0, "no word goes on beyond its stretch"
