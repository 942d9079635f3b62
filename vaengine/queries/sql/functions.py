"""Functions that SQLite and PostgreSQL call by different names."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Double,
    Float,
    String,
    Text,
    func,
    literal,
    literal_column,
    tuple_,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from schemas.storage.column_types import POSTGRESQL, Uuid

FEW: Final = 20  # values that are parameters of their own


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


class _IsOneOf(FunctionElement[Any]):
    """Whether a column is one of the texts of a JSON list: column, list."""

    type = Boolean()
    inherit_cache = True


@compiles(_IsOneOf)
def _one_of_sqlite(element: _IsOneOf, compiler: Any, **given: Any) -> str:
    column, values = (compiler.process(clause, **given) for clause in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"


@compiles(_IsOneOf, POSTGRESQL)
def _one_of_postgresql(element: _IsOneOf, compiler: Any, **given: Any) -> str:
    (column, *_), (name, values) = (
        element.clauses,
        (compiler.process(one, **given) for one in element.clauses),
    )
    kind = "uuid" if isinstance(column.type, Uuid) else "text"
    listed = f"ARRAY(SELECT jsonb_array_elements_text(CAST({values} AS jsonb)))"
    return f"{name} = ANY (CAST({listed} AS {kind}[]))"


class _IsPairOf(FunctionElement[Any]):
    """Whether two columns are one of the pairs of texts of a JSON list: column, column, list."""

    type = Boolean()
    inherit_cache = True


@compiles(_IsPairOf)
def _pair_of_sqlite(element: _IsPairOf, compiler: Any, **given: Any) -> str:
    first, second, values = (compiler.process(clause, **given) for clause in element.clauses)
    pairs = "SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]')"
    return f"({first}, {second}) IN ({pairs} FROM json_each({values}))"


@compiles(_IsPairOf, POSTGRESQL)
def _pair_of_postgresql(element: _IsPairOf, compiler: Any, **given: Any) -> str:
    first, second, values = (compiler.process(clause, **given) for clause in element.clauses)
    pairs = "SELECT pair ->> 0, pair ->> 1"
    return f"({first}, {second}) IN ({pairs} FROM jsonb_array_elements(CAST({values} AS jsonb)) AS pair)"


def is_one_of(column: ColumnElement[Any], values: Iterable[str]) -> ColumnElement[bool]:
    """Whether a column has one of these texts or ids.

    Many are one parameter: databases limit how many there are. A few are listed, so that a planner can count
    them.
    """
    listed = sorted(values)
    return column.in_(listed) if len(listed) <= FEW else _IsOneOf(column, _as_json(listed))


def is_pair_of(
    first: ColumnElement[Any], second: ColumnElement[Any], pairs: Iterable[tuple[str, str]]
) -> ColumnElement[bool]:
    """Whether two columns have the texts of one of these pairs."""
    listed = sorted(pairs)
    if len(listed) <= FEW:
        return tuple_(first, second).in_(listed)
    return _IsPairOf(first, second, _as_json(listed))


def _as_json(values: Sequence[object]) -> ColumnElement[str]:
    return literal(json.dumps(values, ensure_ascii=False), Text())


class has_other_than_ascii(FunctionElement[Any]):  # noqa: N801 read as the SQL function that it is
    """Whether a text has other characters than those of ASCII."""

    type = Boolean()
    inherit_cache = True


@compiles(has_other_than_ascii)
def _other_sqlite(element: has_other_than_ascii, compiler: Any, **given: Any) -> str:
    text = compiler.process(element.clauses, **given)
    return f"length(CAST({text} AS BLOB)) <> length({text})"


@compiles(has_other_than_ascii, POSTGRESQL)
def _other_postgresql(element: has_other_than_ascii, compiler: Any, **given: Any) -> str:
    text = compiler.process(element.clauses, **given)
    return f"octet_length({text}) <> char_length({text})"


@cache
def constant(text: str) -> ColumnElement[str]:
    """A text that stands in the statement itself: the planner uses partial indexes only then."""
    quoted = text.replace("'", "''")
    return literal_column(f"'{quoted}'", Text())


def zero_if_none(value: ColumnElement[Any]) -> ColumnElement[Any]:
    """The value, or 0 where there is none."""
    return func.coalesce(value, 0)
