"""The times of words in an utterance, whatever of them was timed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.annotations.annotation import WORD, Annotation
from schemas.annotations.words import WordSearch, words_of
from tests.support.stores.fake_rows import Rows
from vaengine.queries.said import matches_in, word_times

ROWS = Rows()


def timed(*words: tuple[str, float]) -> list[Annotation]:
    return [ROWS.heard(WORD, at, at + 0.5, word=word) for word, at in words]


def spans(text: str, search: str, *words: tuple[str, float]) -> list[tuple[float, float]]:
    row = ROWS.speech(text, 10.0, 20.0)
    found = matches_in(row, timed(*words), WordSearch.parse(search), "/clips/talk.mp4")
    return [(match.start_s, match.end_s) for match in found]


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("yes", [(10.0, 10.5), (14.0, 14.5)]),
        ('"yes it"', [(10.0, 11.5)]),
        ("it yes", [(10.0, 11.5)]),
        ("it's", [(11.0, 11.5)]),
        ("7", [(10.0, 20.0)]),
        ('"7 yes"', [(10.0, 20.0)]),
    ],
)
def test_a_match_has_the_times_of_its_words_else_of_the_utterance(
    search: str, expected: list[tuple[float, float]]
) -> None:
    words = (("Yes,", 10.0), ("it's", 11.0), ("yes.", 14.0))
    assert spans("Yes, it's 7: yes.", search, *words) == expected


def test_words_that_were_split_otherwise_are_found_by_their_neighbours() -> None:
    times = word_times(words_of("a well-known fact"), timed(("a", 1.0), ("well-known", 2.0), ("fact", 3.0)))
    assert times == [(1.0, 1.5), (2.0, 2.5), (2.0, 2.5), (3.0, 3.5)]


def test_the_reason_quotes_the_words_among_their_neighbours() -> None:
    row = ROWS.speech("One two three four five six seven eight nine ten eleven.", 0.0, 5.0, "speaker_0002")
    (match,) = matches_in(row, [], WordSearch.parse("eight"), "")
    assert match.why == "speaker_0002 says: … two three four five six seven [eight] nine ten eleven"
    (short,) = matches_in(ROWS.speech("Hm!", 0.0, 1.0), [], WordSearch.parse("hm"), "")
    assert short.why == "somebody says: [hm]"


@given(st.lists(st.sampled_from("abcd"), max_size=12), st.data())
def test_every_word_has_its_own_time_where_all_are_timed_and_none_has_anothers(
    words: list[str], data: st.DataObject
) -> None:
    rows = timed(*((word, float(at)) for at, word in enumerate(words)))
    assert word_times(words, rows) == [(float(at), at + 0.5) for at in range(len(words))]
    kept = data.draw(st.lists(st.booleans(), min_size=len(words), max_size=len(words)))
    some = [row for row, is_kept in zip(rows, kept, strict=True) if is_kept]
    for word, time in zip(words, word_times(words, some), strict=True):
        assert time is None or words[int(time[0])] == word
