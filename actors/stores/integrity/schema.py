"""Checks whether the tables of a database are those that this version makes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection

from actors.stores.integrity.finding import Finding
from actors.stores.sql.statements.dialect import is_postgresql
from schemas.storage import tables

CURE = "undo the change, or copy the results into a new store"


def differences(connection: Connection) -> Iterator[Finding]:
    """The differences from `schemas.storage.tables` that Alembic finds.

    Missing tables and columns have the kind `missing`. Tables and indexes that are not ours are ignored.
    """
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    options = {
        "compare_type": True,
        "compare_server_default": not is_postgresql(connection),
        "include_name": _is_named_like_ours,
        "include_object": _is_ours,
    }
    context = MigrationContext.configure(connection, opts=options)
    for change in _flat(compare_metadata(context, tables.metadata)):
        if not _is_a_key_without_null(change):
            kind = "missing" if change[0] in ("add_table", "add_column") else "schema"
            yield Finding(
                kind,
                _table_of(change),
                f"it differs from what this version makes ({_described(change)})",
                CURE,
            )


def _is_named_like_ours(name: str | None, kind: str, parents: object) -> bool:
    return kind != "table" or name in tables.metadata.tables


def _is_ours(item: Any, name: str | None, kind: str, reflected: bool, counterpart: Any) -> bool:
    return not (reflected and counterpart is None and kind in ("table", "index"))


def _flat(changes: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    for change in changes:
        yield from _flat(change) if isinstance(change, list) else (change,)


def _is_a_key_without_null(change: tuple[Any, ...]) -> bool:
    """Whether a change is the NOT NULL that PostgreSQL adds to every column of a primary key.

    `schemas.storage.tables` leaves it out.
    """
    return (
        change[0] == "modify_nullable" and change[3] in tables.metadata.tables[change[2]].primary_key.columns
    )


def _table_of(change: tuple[Any, ...]) -> str:
    """The table of a change: changes of columns name it, others have the object that is added or removed."""
    if change[0].startswith("modify_") or change[0].endswith("_column"):
        return str(change[2])
    item = change[1]
    return str(getattr(getattr(item, "table", item), "name", item))


def _described(change: tuple[Any, ...]) -> str:
    words = {"add": "missing", "remove": "beyond it", "modify": "changed"}
    action, _, kind = change[0].partition("_")
    item = change[3] if action == "modify" or kind == "column" else change[1]
    name = getattr(item, "name", item)
    about = f"{kind} of column" if action == "modify" else kind
    return " ".join(f"{words.get(action, action)}: {about} {name or ''}".split())
