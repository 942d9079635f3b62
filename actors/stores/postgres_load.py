"""Filling a PostgreSQL database for the first time: what is cheaper for all rows at once than for each is put off until they are there.

Foreign keys looked up row by row take half as long as the rows themselves, and all at once next to nothing; indexes take a third less.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, ForeignKey, Index, Table, exists, select
from sqlalchemy.schema import CreateIndex, DropIndex

from schemas import tables

_TABLE: Final[Table] = tables.annotations
_NEEDED: Final = "idx_annotations_video_timestamp"  # what is moved is found by it
_KEYS: Final = """
SELECT columns.attname, constraints.conname
FROM pg_constraint AS constraints
JOIN pg_attribute AS columns ON columns.attrelid = constraints.conrelid AND columns.attnum = constraints.conkey[1]
WHERE constraints.contype = 'f' AND constraints.conrelid = to_regclass(%(name)s)
"""
_INDEXES: Final = "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema() AND tablename = %(name)s"
_IS_OURS: Final = "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass(%(name)s)"

_AT_EASE: Final = ("statement_timeout = 0", "maintenance_work_mem = '256MB'")  # of many millions of rows an index takes its time


def put_off(connection: Connection) -> None:
    """Drop them where there is no row yet, and the role may do so; `complete` has them back."""
    if not _may_alter(connection) or connection.scalar(select(exists(select(_TABLE)))):
        return
    for name in _keys(connection).values():
        connection.exec_driver_sql(f'ALTER TABLE {_TABLE.name} DROP CONSTRAINT "{name}"')
    for index in (index for index in _TABLE.indexes if index.name != _NEEDED):
        connection.execute(DropIndex(index, if_exists=True))


def is_complete(connection: Connection) -> bool:
    """Whether nothing is put off."""
    return not _missing_keys(connection) and not _missing_indexes(connection)


def complete(connection: Connection) -> None:
    """Add what is not there, as a move that was killed leaves it; a role that may not do so leaves it to one that may.

    Raises the driver's error where a row refers to what is not there.
    """
    if not _may_alter(connection):
        return
    for setting in _AT_EASE:
        connection.exec_driver_sql(f"SET LOCAL {setting}")
    for key in _missing_keys(connection):
        of = key.column
        connection.exec_driver_sql(f"ALTER TABLE {_TABLE.name} ADD FOREIGN KEY ({key.parent.name}) REFERENCES {of.table.name} ({of.name})")
    for index in _missing_indexes(connection):
        connection.execute(CreateIndex(index))


def _missing_keys(connection: Connection) -> list[ForeignKey]:
    there = _keys(connection)
    return [key for key in sorted(_TABLE.foreign_keys, key=lambda key: key.parent.name) if key.parent.name not in there]


def _missing_indexes(connection: Connection) -> list[Index]:
    there = set(connection.exec_driver_sql(_INDEXES, {"name": _TABLE.name}).scalars())
    return [index for index in sorted(_TABLE.indexes, key=lambda index: str(index.name)) if index.name not in there]


def _keys(connection: Connection) -> dict[str, str]:
    """Names of the foreign keys that are there, by column."""
    return {str(column): str(name) for column, name in connection.exec_driver_sql(_KEYS, {"name": _TABLE.name})}


def _may_alter(connection: Connection) -> bool:
    return bool(connection.exec_driver_sql(_IS_OURS, {"name": _TABLE.name}).scalar())
