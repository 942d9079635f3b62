"""Rows into PostgreSQL by binary COPY, several times as fast as any INSERT (PostgreSQL manual, "COPY", binary format)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import psycopg
from psycopg.types.json import Jsonb
from sqlalchemy import REAL, BigInteger, Connection, Integer, Text

from actors.stores.postgres_json import spelled
from schemas import tables
from schemas.columns import Id, Json, Moment, moment

_NAMES: Final = [column.name for column in tables.annotations.c]
_COPY: Final = f"COPY annotations ({', '.join(_NAMES)}) FROM STDIN (FORMAT BINARY)"


def copy_annotations(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows of table `annotations`, in the transaction that is open. Raises psycopg's `DataError` for an id that is no UUID."""
    native = [_NATIVE.get(type(column.type), _as_it_is) for column in tables.annotations.c]
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
        copy.set_types(_driver_types())
        for row in rows:
            copy.write_row([convert(row[name]) for name, convert in zip(_NAMES, native, strict=True)])


def _driver_types() -> list[str]:
    return [next(name for kind, name in _DRIVER_TYPES if isinstance(column.type, kind)) for column in tables.annotations.c]


def _as_it_is(value: Any) -> Any:
    return value


def _uuid(value: str | None) -> uuid.UUID | None:
    try:
        return None if value is None else uuid.UUID(value)
    except ValueError:
        raise psycopg.DataError(f"the id {value!r} is no UUID") from None


def _json(value: str | None) -> Any:
    return None if value is None else Jsonb(value, dumps=spelled)


_NATIVE: Final[dict[type, Callable[[Any], Any]]] = {
    Id: _uuid,
    Json: _json,
    Moment: lambda value: None if value is None else moment(value),
}
_DRIVER_TYPES: Final = (
    (Id, "uuid"),
    (Json, "jsonb"),
    (Moment, "timestamptz"),
    (BigInteger, "int8"),
    (Integer, "int4"),
    (REAL, "float8"),
    (Text, "text"),
)
