"""The kinds of query that the benchmark measures; each has a rival that is written by hand.

To add a kind, write a `QueryKind` and name it in `KINDS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from sqlalchemy import Connection, select, text

from actors.stores.database.backend import DatabaseStorageBackend
from actors.stores.sql.dialect import is_postgresql
from bench.fixtures.asked_collection import MODEL, face_like, word
from schemas.media.frames import Floats32
from schemas.storage import tables
from vaengine.queries.said import said
from vaengine.queries.similarity.embedding_matrix import open_matrices
from vaengine.queries.similarity.faces import Reference, similar_faces

COUNT: Final = 10  # answers of likeness
PERSON: Final = 3  # whose likeness is asked for


@dataclass
class Setting:
    """The store that is asked, and the folder of its matrices."""

    store: DatabaseStorageBackend
    cache: Path
    opened: list[Any] = field(default_factory=list)

    @cached_property
    def vectors(self) -> Floats32:
        """All vectors in memory, for the rival of likeness."""
        with self.store._db.read() as connection:
            rows = connection.execute(select(tables.embeddings.c.vector)).scalars().all()
        return np.stack([np.frombuffer(row, "<f4") for row in rows])

    def rows(self, statement: Callable[[Connection], tuple[str, dict[str, Any]]]) -> int:
        """The number of rows that a statement of SQL returns."""
        with self.store._db.read() as connection:
            sql, values = statement(connection)
            return len(connection.execute(text(sql), values).all())


@dataclass(frozen=True, slots=True)
class QueryKind:
    """A question: `answer` asks it of vaengine, `by_hand` of the best SQL; both return the number of answers.

    `aim_ms` is the median on two cores that it should have.
    """

    name: str
    aim_ms: float | None
    answer: Callable[[Setting], int]
    by_hand: Callable[[Setting], int]


def _said(search: str) -> Callable[[Setting], int]:
    """The number of utterances: a phrase may be said twice in one."""
    return lambda setting: len({match.annotation_ids for match in said(setting.store, search)})


def _said_by_hand(words: str, phrase: str = "") -> Callable[[Setting], int]:
    """Utterances with the rows of their words; `words` in the index's own language, then the phrase."""

    def statement(connection: Connection) -> tuple[str, dict[str, Any]]:
        if is_postgresql(connection):
            found = (
                "SELECT annotation_id, video_id, timestamp_seconds, end_seconds FROM annotations "
                "WHERE words IS NOT NULL AND array_to_tsvector(string_to_array(btrim(words), ' ')) "
                "@@ CAST(:words AS tsquery) AND strpos(words, :phrase) > 0"
            )
            values = {"words": " & ".join(words.split()), "phrase": phrase}
        else:
            found = (
                "SELECT a.annotation_id, a.video_id, a.timestamp_seconds, a.end_seconds FROM speech_index "
                "JOIN speech_numbers ON number = speech_index.rowid JOIN annotations a USING (annotation_id) "
                "WHERE speech_index MATCH :words"
            )
            values = {"words": f'"{phrase.strip()}"' if phrase else words}
        return (
            f"WITH found AS ({found}) SELECT found.annotation_id, group_concat(w.data, '') FROM found "
            "JOIN annotations w ON w.video_id = found.video_id AND w.annotation_type = 'word' "
            "AND w.timestamp_seconds >= found.timestamp_seconds AND w.timestamp_seconds < found.end_seconds "
            "GROUP BY found.annotation_id"
        ).replace(
            "group_concat(w.data, '')",
            "string_agg(w.data::text, '')" if is_postgresql(connection) else "group_concat(w.data, '')",
        ), values

    return lambda setting: setting.rows(statement)


def _similar(setting: Setting) -> int:
    matrices = open_matrices(setting.store, setting.cache)
    reference = Reference("it", MODEL, face_like(PERSON)[None])
    return len(similar_faces(matrices, reference, count=COUNT))


def _similar_by_hand(setting: Setting) -> int:
    products = setting.vectors @ face_like(PERSON)
    best = np.argpartition(products, -COUNT)[-COUNT:]
    return len(best[np.argsort(-products[best])])


RARE: Final = word(200)
KINDS: Final = (
    QueryKind("said: a rare word", 50, _said(RARE), _said_by_hand(RARE)),
    QueryKind(
        "said: a phrase of frequent words",
        50,
        _said(f'"{word(4)} {word(9)}"'),
        _said_by_hand(f"{word(4)} {word(9)}", f" {word(4)} {word(9)} "),
    ),
    QueryKind("the most similar faces", 60, _similar, _similar_by_hand),
)
