"""Finds utterances by their words, and the words with their times, in database tables.

SQLite looks words up in a table of FTS5, PostgreSQL in an index of lists of words. Both are given the words
that `schemas.annotations.words` made, so neither splits a text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Text,
    and_,
    bindparam,
    cast,
    column,
    func,
    literal,
    literal_column,
    select,
    table,
)
from sqlalchemy.dialects.postgresql import TSQUERY

from actors.stores.encoding.annotation_rows import spoken_words
from actors.stores.migrations import speech_words
from actors.stores.sql.statements.dialect import is_postgresql
from actors.stores.sql.statements.queries import paged
from schemas.annotations.annotation import SPEECH, WORD, Annotation
from schemas.annotations.words import Phrase, WordSearch
from schemas.storage import tables
from schemas.storage.column_types import Uuid

annotation_table: Final = tables.annotations
_decode: Final = msgspec.json.Decoder().decode
# As in the index of migration 0009: PostgreSQL uses it for this expression alone.
_VECTOR: Final[ColumnElement[Any]] = literal_column(
    "array_to_tsvector(string_to_array(btrim(annotations.words), ' '))"
)
_index: Final = table("speech_index", column("rowid"), column("speech_index"))
_numbers: Final = table("speech_numbers", column("number"), column("annotation_id", Uuid()))
_utterance: Final = annotation_table.alias("utterance")
_WORDS_NEAR: Final = (
    select(annotation_table.c.data)
    .join_from(
        _utterance,
        annotation_table,
        and_(
            annotation_table.c.video_id == _utterance.c.video_id,
            annotation_table.c.config_hash == _utterance.c.config_hash,
            annotation_table.c.timestamp_seconds >= _utterance.c.timestamp_seconds,
            annotation_table.c.timestamp_seconds < _utterance.c.end_seconds,
        ),
    )
    .where(_utterance.c.annotation_id.in_(bindparam("ids", expanding=True, type_=Uuid())))
    .where(annotation_table.c.annotation_type == WORD)
)


def contains(connection: Connection, search: WordSearch) -> ColumnElement[bool]:
    """The condition that a row of `annotations` has every phrase of a search: exact, and by an index.

    It takes words for granted that `actors.stores.migrations.speech_words` may still have to fill.
    """
    if not is_postgresql(connection):
        return annotation_table.c.annotation_id.in_(ids_of_utterances(connection, search))
    in_order = [_in_order(phrase) for phrase in search.phrases if len(phrase.words) > 1]
    found = _VECTOR.bool_op("@@")(cast(literal(_tsquery(search), Text()), TSQUERY))
    return and_(annotation_table.c.words.is_not(None), found, *in_order)


def ids_of_utterances(connection: Connection, search: WordSearch) -> Select[tuple[str]]:
    """The ids of rows with every phrase of a search, to be part of another statement; see `contains`."""
    if is_postgresql(connection):
        found = select(annotation_table.c.annotation_id).where(contains(connection, search))
    else:
        numbered = select(_numbers.c.annotation_id).join_from(
            _index, _numbers, _numbers.c.number == _index.c.rowid
        )
        found = numbered.where(_index.c.speech_index.bool_op("MATCH")(_fts5_query(search)))
    return found.correlate(None)


def utterances(
    connection: Connection, search: WordSearch, video_ids: Sequence[str] | None = None
) -> list[Annotation]:
    """Rows of speech with every phrase of a search, in these videos or in all, in any order."""
    if not speech_words.is_due(connection):
        return list(_rows(connection, _of_videos(contains(connection, search), video_ids)))
    rows = _rows(connection, _of_videos(annotation_table.c.annotation_type == SPEECH, video_ids))
    return [row for row in rows if search.matches((spoken_words(row) or "").split())]


def words_near(connection: Connection, speech: Sequence[Annotation]) -> Iterator[Annotation]:
    """Rows of single words that begin within these rows of speech, in any order."""
    for page in paged(row.annotation_id for row in speech):
        for data in connection.execute(_WORDS_NEAR, {"ids": page}).scalars():
            yield Annotation.from_data(_decode(data))


def _of_videos(
    condition: ColumnElement[bool], video_ids: Sequence[str] | None
) -> Iterator[ColumnElement[bool]]:
    """A condition, for each page of videos."""
    if video_ids is None:
        yield condition
    else:
        yield from (and_(condition, annotation_table.c.video_id.in_(page)) for page in paged(video_ids))


def _rows(connection: Connection, conditions: Iterable[ColumnElement[bool]]) -> Iterator[Annotation]:
    for condition in conditions:
        for data in connection.execute(select(annotation_table.c.data).where(condition)).scalars():
            yield Annotation.from_data(_decode(data))


# Words as the databases' query languages have them. A word is letters, digits and marks, so nothing in it
# needs an escape.


def _fts5_query(search: WordSearch) -> str:
    return " AND ".join(f'"{" ".join(phrase.words)}"' + " *" * phrase.is_prefix for phrase in search.phrases)


def _tsquery(search: WordSearch) -> str:
    return " & ".join(
        f"'{word}'" + ":*" * (phrase.is_prefix and number == len(phrase.words))
        for phrase in search.phrases
        for number, word in enumerate(phrase.words, start=1)
    )


def _in_order(phrase: Phrase) -> ColumnElement[bool]:
    words = f" {' '.join(phrase.words)}" + " " * (not phrase.is_prefix)
    return func.strpos(annotation_table.c.words, words) > 0
