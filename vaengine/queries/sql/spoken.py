"""The rows in which words are said, as conditions of SQL statements: utterances by the index of words."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Text, cast, or_, select

from actors.stores.migrations import speech_words
from actors.stores.sql import speech
from schemas.annotations.annotation import WORD, Annotation
from schemas.annotations.words import WordSearch
from schemas.storage import tables
from vaengine.queries.sql.functions import constant, has_other_than_ascii, is_one_of
from vaengine.queries.texts import is_said

annotation_table = tables.annotations


@dataclass(frozen=True, slots=True)
class SpokenRows:
    """Finds words in the tables behind a connection; what was looked up is kept."""

    connection: Connection
    _words: dict[WordSearch, list[str]] = field(default_factory=dict)

    def condition(self, rows: Any, annotation_type: str, search: WordSearch) -> ColumnElement[bool]:
        """Whether a search is said in rows of speech, or is the word of rows of words."""
        ids = rows.c.annotation_id
        if annotation_type == WORD:
            return is_one_of(ids, self._ids_of_words(search))
        if speech_words.is_due(self.connection):  # the index lacks some
            return is_one_of(
                ids, [row.annotation_id for row in speech.utterances(self.connection, search, None)]
            )
        found: ColumnElement[bool] = ids.in_(speech.ids_of_utterances(self.connection, search))
        return found

    def _ids_of_words(self, search: WordSearch) -> list[str]:
        """Single words have no index: rows that may have the word are read, and compared here."""
        if search not in self._words:
            self._words[search] = [row.annotation_id for row in self._rows(search) if is_said(search, row)]
        return self._words[search]

    def _rows(self, search: WordSearch) -> list[Annotation]:
        """Rows of words with the longest word of a search in any case; other letters have more forms."""
        longest = max((word for phrase in search.phrases for word in phrase.words), key=len)
        data = cast(annotation_table.c.data, Text)
        query = select(annotation_table.c.data).where(annotation_table.c.annotation_type == constant(WORD))
        if longest.isascii():
            query = query.where(or_(data.ilike(f"%{longest}%"), has_other_than_ascii(data)))
        return [Annotation.from_data(json.loads(data)) for data in self.connection.scalars(query)]
