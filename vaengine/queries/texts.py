"""Finds words in what is said: the same words in any case, in the same order, whole."""

from __future__ import annotations

import re
from typing import Final

from schemas.annotations.annotation import Annotation

_WORD: Final = re.compile(r"\w+")


def words_of(text: str) -> list[str]:
    """The words of a text, in one case."""
    return _WORD.findall(text.lower())  # not `casefold`: databases would not find Straße by strasse


def is_said(words: list[str], text: str) -> bool:
    """Whether a text has these words one after another; none are never said."""
    said = words_of(text)
    length = len(words)
    return length > 0 and any(said[at : at + length] == words for at in range(len(said) - length + 1))


def text_of(row: Annotation) -> str:
    """What is said in a row of speech, or the word of a word."""
    return str(row.attributes.get("text") or row.attributes.get("word") or "")
