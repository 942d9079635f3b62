"""Inserts rows into PostgreSQL by binary COPY, several times as fast as any INSERT.

Source: PostgreSQL manual, "COPY", binary format.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import psycopg
from sqlalchemy import REAL, BigInteger, Column, Connection, Integer, LargeBinary, Table, Text

from actors.stores.sql.statements.postgres_json import json_text
from schemas.storage.column_types import JsonText, UtcDateTime, Uuid


def copy_rows(
    connection: Connection, table: Table, names: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """Insert rows with values for these columns, in the open transaction.

    Raises psycopg's `DataError` for an id that is no UUID.
    """
    columns = [table.c[name] for name in names]
    conversions = [
        (position, _CONVERSIONS[type(column.type)])
        for position, column in enumerate(columns)
        if type(column.type) in _CONVERSIONS
    ]
    driver: Any = connection.connection.driver_connection
    with (
        driver.cursor() as cursor,
        cursor.copy(f"COPY {table.name} ({', '.join(names)}) FROM STDIN (FORMAT BINARY)") as copy,
    ):
        copy.set_types([_driver_type(column) for column in columns])
        for row in rows:
            values = list(row)
            for position, convert in conversions:
                if values[position] is not None:
                    values[position] = convert(values[position])
            copy.write_row(values)


def _driver_type(column: Column[Any]) -> str:
    return next(name for column_type, name in _DRIVER_TYPES if isinstance(column.type, column_type))


def _uuid(value: str) -> bytes:
    try:
        data = bytes.fromhex(value.replace("-", ""))
    except ValueError:
        data = b""
    if len(data) != _UUID_BYTES:
        raise psycopg.DataError(f"the id {value!r} is no UUID")
    return data


def _json(value: str) -> bytes:
    return _JSONB_VERSION + json_text(value).encode()


@lru_cache(maxsize=1024)
def _utc_datetime(value: str) -> datetime:
    return datetime.fromisoformat(value).replace(tzinfo=UTC)


_UUID_BYTES: Final = 16
_JSONB_VERSION: Final = b"\x01"
_CONVERSIONS: Final[dict[type, Callable[[str], Any]]] = {
    Uuid: _uuid,
    JsonText: _json,
    UtcDateTime: _utc_datetime,
}
# COPY does not know the types of columns, so these are binary forms: of an id 16 bytes, of JSON a version and
# the text.
_DRIVER_TYPES: Final = (
    (Uuid, "bytea"),
    (JsonText, "bytea"),
    (UtcDateTime, "timestamptz"),
    (BigInteger, "int8"),
    (Integer, "int4"),
    (REAL, "float8"),
    (LargeBinary, "bytea"),
    (Text, "text"),  # an enum too: its binary form is its name
)
