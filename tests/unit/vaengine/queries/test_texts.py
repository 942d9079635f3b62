"""Words are found whole, in their order and in any case."""

from __future__ import annotations

import pytest

from vaengine.queries.texts import is_said, words_of


@pytest.mark.parametrize(
    ("words", "text", "expected"),
    [
        ("good morning", "Well, GOOD morning!", True),
        ("morning good", "Good morning", False),
        ("good", "Goodness", False),
        ("grüß gott", "Grüß Gott & welcome", True),
        ("it's", "It's late", True),
        ("", "anything", False),
        ("...", "anything", False),
    ],
)
def test_words_are_said(words: str, text: str, expected: bool) -> None:
    assert is_said(words_of(words), text) is expected
