"""Golden queries: their answers must be equal in two databases with equal rows.

They ask for times, places, several pipelines, counts and similarity. Where digests agree and answers differ,
an index is damaged, or one of the databases orders or converts in a way of its own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, select

from actors.stores.sql import named_queries, similarity
from schemas.annotations.annotation import PERSON_TRACK
from schemas.storage import tables

NEAREST: Final = 10
EQUAL_TO: Final = 1e-9  # relative: the two add up in other orders

Answers = Mapping[str, Sequence[Mapping[str, Any]]]


def asked(connection: Connection) -> dict[str, dict[str, Any]]:
    """What to ask, by question: about persons and sounds that are there."""
    rows = tables.annotations.c
    person = connection.scalar(
        select(rows.person_id).where(rows.annotation_type == PERSON_TRACK).order_by(rows.person_id).limit(1)
    )
    return {
        "person_near_sound": {"person_id": person or "", "label": "Laughter", "seconds": 5.0},
        "faces_in_region": {
            "confidence": 0.5,
            "left_share": 0.0,
            "right_share": 0.5,
            "top_share": 0.0,
            "bottom_share": 0.5,
        },
        "crowded_loud_scenes": {"persons": 0, "dbfs": -200.0},
        "confident_faces": {"confidence": 0.5, "faces": 0},
        "pipeline_statistics": {},
        "failed_jobs": {"hours": 24 * 365 * 100},
    }


def answers(connection: Connection, told: Mapping[str, Mapping[str, Any]]) -> Answers:
    """What a database says to these questions, and which embeddings are most alike to the first there is."""
    dialect = connection.dialect.name
    found = {
        name: named_queries.run(connection, named_queries.load(name, dialect), values)
        for name, values in told.items()
    }
    return {**found, similarity.QUERY_NAME: _most_alike(connection)}


def differing(one: Answers, other: Answers) -> list[str]:
    """Questions with other answers; numbers are equal to nine digits."""
    return [name for name in one if not _same(one[name], other[name])]


def _same(one: Sequence[Mapping[str, Any]], other: Sequence[Mapping[str, Any]]) -> bool:
    return len(one) == len(other) and all(
        a.keys() == b.keys() and all(_equal(a[name], b[name]) for name in a)
        for a, b in zip(one, other, strict=True)
    )


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=EQUAL_TO)
    return bool(one == other)


def _most_alike(connection: Connection) -> list[dict[str, Any]]:
    """The nearest to the first embedding there is."""
    first = connection.execute(
        select(tables.embeddings).order_by(tables.embeddings.c.annotation_id).limit(1)
    ).one_or_none()
    return similarity.compare_in_python(connection, first, NEAREST) if first else []
