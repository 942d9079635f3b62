"""Which embeddings are most alike to one: exact, by the cosine of their angle, among those of the same model.

PostgreSQL answers by itself where pgvector is present; otherwise vectors are read a few at a time and
compared here.
"""

from __future__ import annotations

from math import isnan
from typing import Any, Final

import numpy as np
from sqlalchemy import Connection, select

from actors.stores.encoding.rows import Row
from actors.stores.sql import named_queries, pgvector
from actors.stores.sql.dialect import is_postgresql
from schemas.storage import tables

QUESTION: Final = "most_alike"
FOLDER: Final = "pgvector"  # of its SQL
COUNT: Final = 10
_PAGE: Final = 2_000  # vectors in memory at once
_embeddings: Final = tables.embeddings


def most_alike(connection: Connection, annotation_id: str, count: int = COUNT) -> list[Row]:
    """The nearest to an annotation's embedding, without itself, best first; nothing where it has none.

    Each has `annotation_id`, `video_id` and `cosine`.
    """
    own = connection.execute(
        select(_embeddings).where(_embeddings.c.annotation_id == annotation_id)
    ).one_or_none()
    if own is None:
        return []
    if (
        is_postgresql(connection)
        and own.dimension <= pgvector.MOST_DIMENSIONS
        and pgvector.is_whole(connection)
    ):
        asked = named_queries.question(QUESTION, FOLDER)
        return named_queries.answer(connection, asked, {"annotation_id": annotation_id, "count": count})
    return compared_here(connection, own, count)


def compared_here(connection: Connection, own: Any, count: int) -> list[Row]:
    """The nearest to a row of table `embeddings`, by numpy."""
    columns = (_embeddings.c.annotation_id, _embeddings.c.video_id, _embeddings.c.vector)
    others = select(*columns).where(
        _embeddings.c.model == own.model, _embeddings.c.dimension == own.dimension
    )
    others = others.where(_embeddings.c.annotation_id != own.annotation_id)
    best: list[tuple[float, str, str]] = []
    for page in connection.execute(others.execution_options(yield_per=_PAGE)).partitions():
        near = zip(_cosines([row.vector for row in page], own.vector), page, strict=True)
        known = [(-cosine, row.annotation_id, row.video_id) for cosine, row in near if not isnan(cosine)]
        best = sorted([*best, *known])[:count]
    return [{"annotation_id": one, "video_id": video_id, "cosine": -cosine} for cosine, one, video_id in best]


def _cosines(vectors: list[bytes], own: bytes) -> list[float]:
    wanted = np.frombuffer(own, "<f4").astype(np.float64)
    many = np.stack([np.frombuffer(vector, "<f4") for vector in vectors]).astype(np.float64)
    with np.errstate(invalid="ignore"):  # a vector of length 0 is like none
        found: list[float] = (
            many @ wanted / (np.linalg.norm(many, axis=1) * np.linalg.norm(wanted))
        ).tolist()
    return found
