"""Functions that SQLite and PostgreSQL call by different names."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Double, Float, String, func
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from schemas.storage.column_types import POSTGRESQL


class _Extreme(FunctionElement[Any]):
    type = Float()
    inherit_cache = True


class _Least(_Extreme):
    inherit_cache = True


class _Greatest(_Extreme):
    inherit_cache = True


@compiles(_Least)
def _least_sqlite(element: _Least, compiler: Any, **given: Any) -> str:
    return f"min({compiler.process(element.clauses, **given)})"


@compiles(_Least, POSTGRESQL)
def _least_postgresql(element: _Least, compiler: Any, **given: Any) -> str:
    return f"least({compiler.process(element.clauses, **given)})"


@compiles(_Greatest)
def _greatest_sqlite(element: _Greatest, compiler: Any, **given: Any) -> str:
    return f"max({compiler.process(element.clauses, **given)})"


@compiles(_Greatest, POSTGRESQL)
def _greatest_postgresql(element: _Greatest, compiler: Any, **given: Any) -> str:
    return f"greatest({compiler.process(element.clauses, **given)})"


def least(*values: ColumnElement[Any]) -> ColumnElement[Any]:
    """The least of some values; of one value itself, of which SQLite would make an aggregate."""
    return values[0] if len(values) == 1 else _Least(*values)


def greatest(*values: ColumnElement[Any]) -> ColumnElement[Any]:
    """The greatest of some values."""
    return values[0] if len(values) == 1 else _Greatest(*values)


class json_number(FunctionElement[Any]):  # noqa: N801 read as the SQL function that it is
    """The number of a key in a JSON object: column, key."""

    type = Double()
    inherit_cache = True


@compiles(json_number)
def _number_sqlite(element: json_number, compiler: Any, **given: Any) -> str:
    column, key = element.clauses
    path = f"'$.' || {compiler.process(key, **given)}"
    return f"json_extract({compiler.process(column, **given)}, {path})"


@compiles(json_number, POSTGRESQL)
def _number_postgresql(element: json_number, compiler: Any, **given: Any) -> str:
    column, key = element.clauses
    text = f"{compiler.process(column, **given)} ->> {compiler.process(key, **given)}"
    return f"CAST({text} AS double precision)"


class json_text(FunctionElement[Any]):  # noqa: N801 read as the SQL function that it is
    """The text of a key in a JSON object that is one value: object, key of letters, digits, `._/-`."""

    type = String()
    inherit_cache = True


@compiles(json_text)
def _text_sqlite(element: json_text, compiler: Any, **given: Any) -> str:
    whole, key = (compiler.process(clause, **given) for clause in element.clauses)
    return f"json_extract({whole}, '$.\"' || {key} || '\"')"


@compiles(json_text, POSTGRESQL)
def _text_postgresql(element: json_text, compiler: Any, **given: Any) -> str:
    whole, key = (compiler.process(clause, **given) for clause in element.clauses)
    return f"CAST({whole} AS jsonb) ->> ({key})"


class json_lists(FunctionElement[Any]):  # noqa: N801 read as the SQL function that it is
    """Whether the list of a key in a JSON object has a text: column, key, text."""

    type = String()
    inherit_cache = True


@compiles(json_lists)
def _lists_sqlite(element: json_lists, compiler: Any, **given: Any) -> str:
    column, key, text = (compiler.process(clause, **given) for clause in element.clauses)
    return f"EXISTS (SELECT 1 FROM json_each({column}, '$.' || {key}) AS member WHERE member.value = {text})"


@compiles(json_lists, POSTGRESQL)
def _lists_postgresql(element: json_lists, compiler: Any, **given: Any) -> str:
    column, key, text = (compiler.process(clause, **given) for clause in element.clauses)
    return f"jsonb_exists({column} -> {key}, {text})"


def zero_if_none(value: ColumnElement[Any]) -> ColumnElement[Any]:
    """The value, or 0 where there is none."""
    return func.coalesce(value, 0)
