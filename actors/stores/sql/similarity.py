"""Finds the embeddings most similar to one: exactly, by cosine, among those of the same model.

PostgreSQL with pgvector compares them itself. Otherwise vectors are read page by page and compared in Python.
"""

from __future__ import annotations

from math import isnan
from typing import Any, Final

import numpy as np
from sqlalchemy import Connection, select

from actors.stores.encoding.rows import Row
from actors.stores.sql import named_queries, pgvector
from actors.stores.sql.statements.dialect import is_postgresql
from schemas.storage import tables

QUERY_NAME: Final = "most_alike"
QUERY_FOLDER: Final = "pgvector"
DEFAULT_COUNT: Final = 10
_PAGE_VECTORS: Final = 2_000  # vectors in memory at once
_embeddings: Final = tables.embeddings


def most_alike(connection: Connection, annotation_id: str, count: int = DEFAULT_COUNT) -> list[Row]:
    """The embeddings most similar to that of an annotation, best first; none where it has no embedding.

    A row has `annotation_id`, `video_id` and `cosine`.
    """
    reference = connection.execute(
        select(_embeddings).where(_embeddings.c.annotation_id == annotation_id)
    ).one_or_none()
    if reference is None:
        return []
    if (
        is_postgresql(connection)
        and reference.dimension <= pgvector.MAX_DIMENSIONS
        and pgvector.is_whole(connection)
    ):
        query = named_queries.load(QUERY_NAME, QUERY_FOLDER)
        return named_queries.run(connection, query, {"annotation_id": annotation_id, "count": count})
    return compare_in_python(connection, reference, count)


def compare_in_python(connection: Connection, reference: Any, count: int) -> list[Row]:
    """The most similar to a row of table `embeddings`, computed with numpy."""
    columns = (_embeddings.c.annotation_id, _embeddings.c.video_id, _embeddings.c.vector)
    others = select(*columns).where(
        _embeddings.c.model == reference.model, _embeddings.c.dimension == reference.dimension
    )
    others = others.where(_embeddings.c.annotation_id != reference.annotation_id)
    best: list[tuple[float, str, str]] = []
    for page in connection.execute(others.execution_options(yield_per=_PAGE_VECTORS)).partitions():
        similarities = zip(_cosines([row.vector for row in page], reference.vector), page, strict=True)
        candidates = [
            (-cosine, row.annotation_id, row.video_id) for cosine, row in similarities if not isnan(cosine)
        ]
        best = sorted([*best, *candidates])[:count]
    return [
        {"annotation_id": annotation_id, "video_id": video_id, "cosine": -cosine}
        for cosine, annotation_id, video_id in best
    ]


def _cosines(vectors: list[bytes], reference: bytes) -> list[float]:
    reference_vector = np.frombuffer(reference, "<f4").astype(np.float64)
    matrix = np.stack([np.frombuffer(vector, "<f4") for vector in vectors]).astype(np.float64)
    with np.errstate(invalid="ignore"):  # a vector of length 0 has no cosine
        cosines: list[float] = (
            matrix @ reference_vector / (np.linalg.norm(matrix, axis=1) * np.linalg.norm(reference_vector))
        ).tolist()
    return cosines
