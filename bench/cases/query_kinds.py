"""The kinds of query that the benchmark measures; each has rivals that are written by hand.

To add a kind, write a `QueryKind` and name it in `KINDS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from sqlalchemy import select, text

from actors.stores.database.backend import DatabaseStorageBackend
from actors.stores.sql.statements.dialect import is_postgresql
from bench.fixtures.asked_collection import MODEL, face_like, word
from bench.rivals.duckdb_on_parquet import ParquetFiles
from bench.rivals.handwritten_sql import NEAR, PAIRS, QUADRANT, SCENES, Statement, said_by_hand
from schemas.media.frames import Floats32
from schemas.storage import tables
from vaengine.api.questions.query import answers_of
from vaengine.queries.language.document import Query
from vaengine.queries.language.parsing import query_of
from vaengine.queries.said import said
from vaengine.queries.similarity.embedding_matrix import open_matrices
from vaengine.queries.similarity.faces import Reference, similar_faces

COUNT: Final = 10  # answers of likeness
PERSON: Final = 3  # whose likeness is asked for
Found: TypeAlias = Sequence[Any]  # what was found, the same by whatever way


@dataclass
class Setting:
    """The store that is asked, the folder of its matrices, and its tables as files of Parquet."""

    store: DatabaseStorageBackend
    cache: Path
    parquet: ParquetFiles | None = None
    opened: list[Any] = field(default_factory=list)

    @cached_property
    def vectors(self) -> tuple[list[str], Floats32]:
        """All vectors in memory with their ids, for the rival of likeness."""
        with self.store.reading() as connection:
            rows = connection.execute(select(tables.embeddings.c.annotation_id, tables.embeddings.c.vector))
            ids, vectors = zip(*rows, strict=True)
        return [str(one) for one in ids], np.stack([np.frombuffer(vector, "<f4") for vector in vectors])

    def rows(self, statement: Statement) -> list[Any]:
        """The rows that a statement of SQL returns."""
        with self.store.reading() as connection:
            sql, values = statement("postgresql" if is_postgresql(connection) else "sqlite")
            return list(connection.execute(text(sql), values))

    def duckdb_rows(self, statement: Statement) -> list[Any]:
        """The rows that DuckDB returns for it."""
        assert self.parquet is not None
        return self.parquet.rows(*statement("duckdb"))


@dataclass(frozen=True, slots=True)
class QueryKind:
    """A question: `answer` asks it of vaengine, `by_hand` of the best SQL; both return what was found.

    `aim_ms` is the median on two cores that it should have. `by_duckdb` asks DuckDB, where it can be asked.
    """

    name: str
    aim_ms: float | None
    answer: Callable[[Setting], Found]
    by_hand: Callable[[Setting], Found]
    by_duckdb: Callable[[Setting], Found] | None = None


# Questions as documents: a page of a hundred answers, each with its path and why it was found.


def _document(name: str, aim_ms: float, document: str, statement: Statement) -> QueryKind:
    query = query_of(document)
    return QueryKind(
        name,
        aim_ms,
        lambda setting: _moments(setting, query),
        lambda setting: _sorted(setting.rows(statement)),
        lambda setting: _sorted(setting.duckdb_rows(statement)),
    )


def _moments(setting: Setting, query: Query) -> Found:
    return _sorted((one.video_id, one.start_s, one.end_s) for one in answers_of(setting.store, query))


def _sorted(rows: Any) -> Found:
    """Moments of rows that begin with a video and two times."""
    return sorted((row[0], round(row[1], 6), round(row[2], 6)) for row in rows)


# What is said, and who is alike.


def _said(search: str) -> Callable[[Setting], Found]:
    """The utterances: a phrase may be said twice in one."""
    return lambda setting: sorted({match.annotation_ids[0] for match in said(setting.store, search)})


def _said_by_hand(words: str, phrase: str = "") -> Callable[[Setting], Found]:
    return lambda setting: sorted(str(row[0]) for row in setting.rows(said_by_hand(words, phrase)))


def _said_by_duckdb(words: str, phrase: str = "") -> Callable[[Setting], Found]:
    return lambda setting: sorted(str(row[0]) for row in setting.duckdb_rows(said_by_hand(words, phrase)))


def _similar(setting: Setting) -> Found:
    matrices = open_matrices(setting.store, setting.cache)
    reference = Reference("it", MODEL, face_like(PERSON)[None])
    return [match.annotation_ids[0] for match in similar_faces(matrices, reference, count=COUNT)]


def _similar_by_hand(setting: Setting) -> Found:
    ids, vectors = setting.vectors
    products = vectors @ face_like(PERSON)
    best = np.argpartition(products, -COUNT)[-COUNT:]
    return [ids[at] for at in best[np.argsort(-products[best])]]


RARE: Final = word(200)
PHRASE: Final = f"{word(4)} {word(9)}"
KINDS: Final = (
    _document(
        "a person near laughter: videos",
        10,
        "find: person:person_0003\nsteps: [{relation: near, to: 'sound:laughter', within_s: 5}]\n"
        "answers: videos",
        NEAR,
    ),
    _document(
        "anybody near laughter: pairs",
        50,
        "find: person\nsteps: [{relation: near, to: 'sound:laughter', within_s: 5}]",
        PAIRS,
    ),
    _document("faces in the top-left quadrant", 150, "find: {kind: face, region: top-left}", QUADRANT),
    _document(
        "crowded scenes with much sound",
        600,
        "find: scene\nwhere: [{count: person, gt: 3}, {coverage: [speech, voice, sound], gt: 0.5}]",
        SCENES,
    ),
    QueryKind("said: a rare word", 50, _said(RARE), _said_by_hand(RARE), _said_by_duckdb(RARE)),
    QueryKind(
        "said: a phrase of frequent words",
        50,
        _said(f'"{PHRASE}"'),
        _said_by_hand(PHRASE, f" {PHRASE} "),
        _said_by_duckdb(PHRASE, f" {PHRASE} "),
    ),
    QueryKind("the most similar faces", 60, _similar, _similar_by_hand),
)
