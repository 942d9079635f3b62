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

from actors.stores.sql.postgres_json import spelled
from schemas.storage.column_types import JsonText, UtcDateTime, Uuid


def copy_rows(
    connection: Connection, table: Table, names: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """Rows with values for these columns, in the transaction that is open.

    Raises psycopg's `DataError` for an id that is no UUID.
    """
    columns = [table.c[name] for name in names]
    converted = [
        (at, _NATIVE[type(column.type)]) for at, column in enumerate(columns) if type(column.type) in _NATIVE
    ]
    driver: Any = connection.connection.driver_connection
    with (
        driver.cursor() as cursor,
        cursor.copy(f"COPY {table.name} ({', '.join(names)}) FROM STDIN (FORMAT BINARY)") as copy,
    ):
        copy.set_types([_driver_type(column) for column in columns])
        for row in rows:
            values = list(row)
            for at, convert in converted:
                if values[at] is not None:
                    values[at] = convert(values[at])
            copy.write_row(values)


def _driver_type(column: Column[Any]) -> str:
    return next(name for one, name in _DRIVER_TYPES if isinstance(column.type, one))


def _uuid(value: str) -> bytes:
    try:
        found = bytes.fromhex(value.replace("-", ""))
    except ValueError:
        found = b""
    if len(found) != _UUID_BYTES:
        raise psycopg.DataError(f"the id {value!r} is no UUID")
    return found


def _json(value: str) -> bytes:
    return _JSONB_VERSION + spelled(value).encode()


@lru_cache(maxsize=1024)
def _moment(value: str) -> datetime:
    return datetime.fromisoformat(value).replace(tzinfo=UTC)


_UUID_BYTES: Final = 16
_JSONB_VERSION: Final = b"\x01"
_NATIVE: Final[dict[type, Callable[[str], Any]]] = {Uuid: _uuid, JsonText: _json, UtcDateTime: _moment}
_DRIVER_TYPES: Final = (
    (
        Uuid,
        "bytea",
    ),  # binary forms are written here, since COPY asks for no types: 16 bytes, and text behind a version
    (JsonText, "bytea"),
    (UtcDateTime, "timestamptz"),
    (BigInteger, "int8"),
    (Integer, "int4"),
    (REAL, "float8"),
    (LargeBinary, "bytea"),
    (Text, "text"),  # an enum too: its binary form is its name
)
