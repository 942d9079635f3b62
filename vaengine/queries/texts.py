"""What a query calls `said`: which words are searched, and in what."""

from __future__ import annotations

from schemas.annotations.annotation import SPEECH, Annotation
from schemas.annotations.words import WordSearch, words_of


def search_for(said: str) -> WordSearch:
    """The search that `said` means: its words follow each other, unless phrases are in double quotes.

    `laugh*` is any word that begins so. Raises `UsageError` where there is no word in it.
    """
    return WordSearch.parse(said if '"' in said else f'"{said}"')


def is_said(search: WordSearch, row: Annotation) -> bool:
    """Whether every phrase of a search is in a row of speech, or is the word of a word."""
    text = row.attributes.get("text" if row.annotation_type == SPEECH else "word")
    return isinstance(text, str) and search.matches(words_of(text))


def text_of(row: Annotation) -> str:
    """What is said in a row of speech, or the word of a word."""
    return str(row.attributes.get("text") or row.attributes.get("word") or "")
