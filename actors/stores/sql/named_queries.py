"""Loads and runs named queries: SQL files below `sql/named`, one for both databases or one for each."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, TextClause, text

from actors.stores.encoding import rows

_SUFFIX: Final = ".sql"


@functools.cache
def load(name: str, dialect: str) -> TextClause:
    """The SQL of a named query for `sqlite`, `postgresql` or `pgvector`; raises KeyError."""
    for folder in _folders(dialect):
        file = folder.joinpath(name + _SUFFIX)
        if name.isidentifier() and file.is_file():
            lines = file.read_text(encoding="utf-8").splitlines()
            # Without comments, which may contain what looks like a parameter.
            return text("\n".join(line for line in lines if not line.startswith("--")))
    raise KeyError(name)


def names(dialect: str) -> list[str]:
    """The names of all queries for a database, sorted."""
    return sorted(
        file.name.removesuffix(_SUFFIX)
        for folder in _folders(dialect)
        for file in folder.iterdir()
        if file.name.endswith(_SUFFIX)
    )


def parameters(query: TextClause) -> frozenset[str]:
    """The names of a query's parameters."""
    return frozenset(query.compile().params)


def run(connection: Connection, query: TextClause, values: Mapping[str, Any]) -> list[rows.Row]:
    """The rows of a query, with the same values from either database: ids and times are text."""
    return [
        {column: _portable(value) for column, value in row.items()}
        for row in connection.execute(query, values).mappings()
    ]


def _folders(dialect: str) -> tuple[Traversable, Traversable]:
    base = files("actors.stores.sql") / "named"
    return base / dialect, base


def _portable(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return rows.time_text(value)
    return float(value) if isinstance(value, Decimal) else value
