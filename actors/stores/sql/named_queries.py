"""Named queries: SQL files below `sql/named`, one for both databases or one for each where they differ."""

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

_ENDING: Final = ".sql"


@functools.cache
def question(name: str, dialect: str) -> TextClause:
    """The SQL of a question for `sqlite`, `postgresql` or `pgvector`; raises KeyError."""
    for folder in _folders(dialect):
        found = folder.joinpath(name + _ENDING)
        if name.isidentifier() and found.is_file():
            lines = found.read_text(encoding="utf-8").splitlines()
            return text(
                "\n".join(line for line in lines if not line.startswith("--"))
            )  # a comment may name a parameter
    raise KeyError(name)


def names(dialect: str) -> list[str]:
    """Every question that can be asked of a database."""
    return sorted(
        file.name.removesuffix(_ENDING)
        for folder in _folders(dialect)
        for file in folder.iterdir()
        if file.name.endswith(_ENDING)
    )


def parameters(asked: TextClause) -> frozenset[str]:
    """What has to be told with a question."""
    return frozenset(asked.compile().params)


def answer(connection: Connection, asked: TextClause, told: Mapping[str, Any]) -> list[rows.Row]:
    """The rows, their values the same from either database: ids and times are text."""
    return [
        {column: _plain(value) for column, value in row.items()}
        for row in connection.execute(asked, told).mappings()
    ]


def _folders(dialect: str) -> tuple[Traversable, Traversable]:
    base = files("actors.stores.sql") / "named"
    return base / dialect, base


def _plain(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return rows.time_text(value)
    return float(value) if isinstance(value, Decimal) else value
