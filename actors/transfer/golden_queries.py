"""Runs golden queries, whose results must be equal in two databases with equal rows.

They cover times, places, several pipelines, counts and similarity. Where digests agree and results differ, an
index is damaged, or one of the databases sorts or converts in its own way.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, select

from actors.stores.sql import named_queries, similarity
from schemas.annotations.annotation import PERSON_TRACK
from schemas.storage import tables

SIMILAR_COUNT: Final = 10
RELATIVE_TOLERANCE: Final = 1e-9  # the two databases add numbers in different orders

QueryResults = Mapping[str, Sequence[Mapping[str, Any]]]


def parameters_for(connection: Connection) -> dict[str, dict[str, Any]]:
    """The parameters of each golden query, with a person that is in the database."""
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


def run_all(connection: Connection, parameters: Mapping[str, Mapping[str, Any]]) -> QueryResults:
    """The results of these queries, and the embeddings most similar to the first one in the database."""
    dialect = connection.dialect.name
    results = {
        name: named_queries.run(connection, named_queries.load(name, dialect), values)
        for name, values in parameters.items()
    }
    return {**results, similarity.QUERY_NAME: _most_alike(connection)}


def differing_queries(first: QueryResults, second: QueryResults) -> list[str]:
    """The names of queries whose results differ; numbers are compared to nine digits."""
    return [name for name in first if not _are_equal(first[name], second[name])]


def _are_equal(first: Sequence[Mapping[str, Any]], second: Sequence[Mapping[str, Any]]) -> bool:
    return len(first) == len(second) and all(
        row.keys() == other.keys() and all(_values_equal(row[name], other[name]) for name in row)
        for row, other in zip(first, second, strict=True)
    )


def _values_equal(first: Any, second: Any) -> bool:
    if isinstance(first, float) and isinstance(second, float):
        return math.isclose(first, second, rel_tol=RELATIVE_TOLERANCE)
    return bool(first == second)


def _most_alike(connection: Connection) -> list[dict[str, Any]]:
    """The embeddings most similar to the first one in the database."""
    query = select(tables.embeddings).order_by(tables.embeddings.c.annotation_id).limit(1)
    reference = connection.execute(query).one_or_none()
    return similarity.compare_in_python(connection, reference, SIMILAR_COUNT) if reference else []
