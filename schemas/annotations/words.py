"""The words of a text, and a search for words and phrases: the same on every store.

No database splits a text into words: each has rules of its own. They are given the words that `words_of`
finds, with a space on either side, and only look them up.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from schemas.errors import UsageError

MAX_WORD_CHARACTERS: Final = 255  # PostgreSQL refuses words of 2 kB; what is longer is cut off
MAX_TEXT_CHARACTERS: Final = 100_000  # of one row that are searched; PostgreSQL's lists of words end at 1 MB
# Scripts that are written without spaces. Each of their characters is a word, and a word is a phrase.
_UNSPACED: Final = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x3040, 0x30FF),  # Hiragana, Katakana
    (0x31F0, 0x31FF),
    (0x3400, 0x9FFF),  # Han
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)
_PARTS: Final = re.compile(r'"([^"]*)"?|(\S+)')


class _Separators(dict[int, str]):
    """What takes the place of each character: itself in a word, a space between words."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        if unicodedata.category(character)[0] not in "LNM":
            self[code] = " "
        elif any(first <= code <= last for first, last in _UNSPACED):
            self[code] = f" {character} "
        else:
            self[code] = character
        return self[code]


_separators: Final = _Separators()


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text in order: letters, digits and marks, without regard to case or width.

    `Don't` is two words, `don` and `t`; a character of a script without spaces is a word.
    """
    folded = unicodedata.normalize(
        "NFKC", unicodedata.normalize("NFKC", text[:MAX_TEXT_CHARACTERS]).casefold()
    )
    return tuple(word[:MAX_WORD_CHARACTERS] for word in folded.translate(_separators).split())


def indexed_words(text: str) -> str | None:
    """The words of a text as a store keeps them: one space around each; None where there is none."""
    words = words_of(text)
    return f" {' '.join(words)} " if words else None


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that follow each other; with `is_prefix` the last one is the beginning of a word."""

    words: tuple[str, ...]
    is_prefix: bool = False

    def __post_init__(self) -> None:
        if not self.words:
            raise ValueError("a phrase has a word")

    def __str__(self) -> str:
        return " ".join(self.words) + "*" * self.is_prefix

    def places(self, words: Sequence[str]) -> Iterator[tuple[int, int]]:
        """Where the phrase is among words: `[first, stop)` of each place, in order."""
        size, text = len(self.words), tuple(words)
        for first in range(len(text) - size + 1):
            if self._is_at(text[first : first + size]):
                yield first, first + size

    def _is_at(self, words: tuple[str, ...]) -> bool:
        if not self.is_prefix:
            return words == self.words
        return words[:-1] == self.words[:-1] and words[-1].startswith(self.words[-1])


@dataclass(frozen=True, slots=True)
class WordSearch:
    """Phrases that one utterance contains, all of them."""

    phrases: tuple[Phrase, ...]

    def __post_init__(self) -> None:
        if not self.phrases:
            raise ValueError("a search has a phrase")

    def __str__(self) -> str:
        return " + ".join(f'"{phrase}"' for phrase in self.phrases)

    @classmethod
    def parse(cls, text: str) -> WordSearch:
        """Read a search: words that all occur, those "in quotes" one after the other.

        `laugh*` is any word that begins so. Raises `UsageError` where there is no word in it.
        """
        parts = ((quoted or word).strip() for quoted, word in _PARTS.findall(text))
        phrases = (Phrase(words, part.endswith("*")) for part in parts if (words := words_of(part)))
        if not (found := tuple(dict.fromkeys(phrases))):
            raise UsageError(f"there is no word in {text!r}: give words, or a phrase in double quotes")
        return cls(found)

    def matches(self, words: Sequence[str]) -> bool:
        """Whether words contain every phrase."""
        return all(any(True for _ in phrase.places(words)) for phrase in self.phrases)
