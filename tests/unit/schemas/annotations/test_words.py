"""How a text is split into words, and how phrases are found among them."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.annotations.words import (
    MAX_TEXT_CHARACTERS,
    MAX_WORD_CHARACTERS,
    Phrase,
    WordSearch,
    indexed_words,
    words_of,
)
from schemas.errors import UsageError


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello, World!", ["hello", "world"]),
        ("Don't — “stop”…", ["don", "t", "stop"]),
        ("ÄRGER Straße STRASSE", ["ärger", "strasse", "strasse"]),
        ("e\u0301t\u00e9", ["été"]),
        ("ＡＢＣ １２３ ½", ["abc", "123", "1", "2"]),
        ("snake_case 3.14 a-b", ["snake", "case", "3", "14", "a", "b"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("你好 world", ["你", "好", "world"]),
        ("🙂 \u0000 \ud800", []),
    ],
)
def test_words_are_runs_of_letters_digits_and_marks_without_case(text: str, words: list[str]) -> None:
    assert list(words_of(text)) == words


@given(st.text())
def test_words_hold_nothing_that_a_query_language_could_take_for_its_own(text: str) -> None:
    for word in words_of(text):
        assert word
        assert all(unicodedata.category(character)[0] in "LNM" for character in word)
        assert not any("A" <= character <= "Z" for character in word)


@given(st.text())
def test_the_words_of_indexed_words_are_the_words(text: str) -> None:
    assert tuple((indexed_words(text) or "").split()) == words_of(text)


def test_overlong_words_and_texts_are_cut_the_same_way_everywhere() -> None:
    assert words_of("x" * 1000) == ("x" * MAX_WORD_CHARACTERS,)
    assert len(words_of("x " * MAX_TEXT_CHARACTERS)) == MAX_TEXT_CHARACTERS // 2


@pytest.mark.parametrize(
    ("search", "phrases"),
    [
        ("good morning", ["good", "morning"]),
        ('"Good Morning" you', ["good morning", "you"]),
        ("don't", ["don t"]),
        ("laugh*", ["laugh*"]),
        ('"you are laugh*"', ["you are laugh*"]),
        ("a a", ["a"]),
        ('"never closed', ["never closed"]),
    ],
)
def test_a_search_is_words_phrases_and_beginnings(search: str, phrases: list[str]) -> None:
    assert [str(phrase) for phrase in WordSearch.parse(search).phrases] == phrases


@pytest.mark.parametrize("nothing", ["", " ", '""', "*", "… — !"])
def test_a_search_without_a_word_is_refused(nothing: str) -> None:
    with pytest.raises(UsageError, match="no word"):
        WordSearch.parse(nothing)


def test_a_phrase_is_found_at_every_place_also_where_places_overlap() -> None:
    assert list(Phrase(("a", "a")).places(["a", "a", "a", "b"])) == [(0, 2), (1, 3)]
    assert list(Phrase(("a", "b"), is_prefix=True).places(["a", "bc", "a", "c"])) == [(0, 2)]


@given(st.lists(st.sampled_from("abc"), max_size=8), st.lists(st.sampled_from("abc"), min_size=1, max_size=3))
def test_a_phrase_is_there_exactly_where_the_padded_text_contains_it(
    words: list[str], phrase: list[str]
) -> None:
    contains = f" {' '.join(phrase)} " in f" {' '.join(words)} "
    assert WordSearch((Phrase(tuple(phrase)),)).matches(words) == contains
