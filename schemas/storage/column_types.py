"""Column types of both databases: in Python a value is the same whichever it comes from.

SQLite keeps times, JSON, ids and states as text, as the seed writes them; PostgreSQL has types of its own for
each.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import REAL, BigInteger, Dialect, Double, Enum, Integer, Text
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP, UUID
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

POSTGRESQL: Final = "postgresql"

WORDS: Final[TypeEngine[str]] = Text().with_variant(
    Text(collation="C"), POSTGRESQL
)  # ordered by code point, as SQLite does
REAL_64: Final[TypeEngine[float]] = REAL().with_variant(Double(), POSTGRESQL)
INTEGER_64: Final[TypeEngine[int]] = BigInteger().with_variant(
    Integer(), "sqlite"
)  # SQLite's INTEGER has 64 bits


_POSTGRES: Final[Dialect] = registry.load(POSTGRESQL)()


class UtcDateTime(TypeDecorator[str]):
    """A time in UTC, to the second, as text `YYYY-MM-DD HH:MM:SS`; `timestamptz` in PostgreSQL."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(TIMESTAMP(timezone=True) if dialect.name == POSTGRESQL else Text())

    def process_bind_param(self, value: str | None, dialect: Dialect) -> Any:
        return moment(value) if value and dialect.name == POSTGRESQL else value

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        return value.astimezone(UTC).strftime(TIME_FORM) if isinstance(value, datetime) else value


class JsonText(TypeDecorator[str]):
    """A JSON object or list as text; `jsonb` in PostgreSQL, which keeps its values but not its spelling.

    There the engine's `json_serializer` is given the text.
    """

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(JSONB(none_as_null=True) if dialect.name == POSTGRESQL else Text())


class Uuid(TypeDecorator[str]):
    """A UUID as text; `uuid` in PostgreSQL.

    What is no UUID is nobody's id there: it finds nothing, and cannot be stored.
    """

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(UUID(as_uuid=True) if dialect.name == POSTGRESQL else Text())

    def process_bind_param(self, value: str | None, dialect: Dialect) -> Any:
        if value is None or dialect.name != POSTGRESQL:
            return value
        try:
            return uuid.UUID(value)
        except ValueError:
            return None

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else str(value)


def state(name: str, *values: str) -> TypeEngine[str]:
    """One of a few words: text with a CHECK in SQLite, an enum of this name in PostgreSQL."""
    return Text().with_variant(Enum(*values, name=name), POSTGRESQL)


def in_postgresql(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    """What a column of this type is there."""
    return kind.dialect_impl(_POSTGRES)


def moment(text: str) -> datetime:
    """The time that `UtcDateTime` is written as."""
    return datetime.strptime(text, TIME_FORM).replace(tzinfo=UTC)


class utc_now(FunctionElement[Any]):  # noqa: N801 read as the SQL function that it is
    """The database's own time, as a default."""

    inherit_cache = True


@compiles(utc_now)
def _text_now(element: utc_now, compiler: Any, **told: Any) -> str:
    return "(datetime('now'))"


@compiles(utc_now, POSTGRESQL)
def _native_now(element: utc_now, compiler: Any, **told: Any) -> str:
    return "now()"


TIME_FORM: Final = "%Y-%m-%d %H:%M:%S"  # how stores write times, UTC: that of SQLite's own datetime('now')
