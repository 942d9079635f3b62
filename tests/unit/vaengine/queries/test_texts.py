"""Words are found whole, in their order and in any case; phrases in quotes anywhere."""

from __future__ import annotations

import pytest

from schemas.annotations.annotation import SPEECH, WORD, Annotation
from schemas.errors import UsageError
from vaengine.queries.texts import is_said, search_for


def row(text: object, kind: str = SPEECH) -> Annotation:
    attributes = {"text" if kind == SPEECH else "word": text}
    return Annotation("id", "video", "audio", "c1", kind, 0.0, 1.0, attributes=attributes)


@pytest.mark.parametrize(
    ("said", "text", "expected"),
    [
        ("good morning", "Well, GOOD morning!", True),
        ("morning good", "Good morning", False),
        ("good", "Goodness", False),
        ("good*", "Goodness", True),
        ('morning "well good"', "Well, good morning", True),
        ('morning "good well"', "Well, good morning", False),
        ("grüß gott", "Grüß Gott & welcome", True),
        ("STRASSE", "die Straße", True),
        ("it's", "It's late", True),
    ],
)
def test_words_are_said(said: str, text: str, expected: bool) -> None:
    assert is_said(search_for(said), row(text)) is expected


def test_a_row_of_a_word_is_its_word_and_a_row_without_text_says_nothing() -> None:
    assert is_said(search_for("good"), row("Good,", WORD))
    assert not is_said(search_for("good"), row(None))


@pytest.mark.parametrize("said", ["", "..."])
def test_nothing_to_search_is_refused(said: str) -> None:
    with pytest.raises(UsageError, match="there is no word"):
        search_for(said)
