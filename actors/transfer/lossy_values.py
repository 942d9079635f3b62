"""Finds the values of a row that a store would refuse or change, so nothing is lost without a message.

PostgreSQL refuses NUL in text, and NUL, lone surrogates and NaN in `jsonb`. It keeps some numbers in `jsonb`
in another spelling that reads as another type (its manual, "JSON Types"). SQLite keeps NaN as NULL, and a
column of any type may hold a value of any other.
"""

from __future__ import annotations

import json
import math
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal

from sqlalchemy import REAL, BigInteger, Column, Enum, Integer, LargeBinary

from actors.stores.sql.statements.postgres_json import json_text
from actors.transfer.unit import LAYOUTS, TableLayout, WireRow
from schemas.storage.column_types import TIME_FORM, JsonText, UtcDateTime, Uuid, in_postgresql

Destination = Literal["files", "sqlite", "postgresql"]
MAX_CHARACTERS: Final = 60  # characters of a value in a message

# A number begins after one of these. So may a part of a string, which then is parsed for nothing.
_BEFORE_NUMBER: Final = r"(?<![^:,\[\s])"
_SUSPICIOUS: Final = re.compile(
    rf"\\u0000|\\u[dD][89a-fA-F]|{_BEFORE_NUMBER}(?:NaN|-?Infinity|-0(?:\.0*)?(?![\d.])|-?\d[\d.]*(?:E|e\d))"
)


@dataclass(frozen=True, slots=True)
class LossyValue:
    """One value that would not arrive unchanged; `row` is the first value of its row, as text."""

    table: str
    row: str
    column: str
    reason: str

    def __str__(self) -> str:
        return f"{self.table}.{self.column} of {self.row}: {self.reason}"


class ValueChecker:
    """Checks the rows of one table for one kind of destination."""

    def __init__(self, table: str, destination: Destination) -> None:
        layout = LAYOUTS[table]
        self._table, strict = table, destination == "postgresql"
        self._checks = [
            (position, name, _check(layout, name, strict)) for position, name in enumerate(layout.names)
        ]

    def lossy_values(self, row: WireRow) -> list[LossyValue]:
        """The values of a row that would not arrive unchanged."""
        faults = [
            (name, reason)
            for position, name, check in self._checks
            if row[position] is not None and (reason := check(row[position]))
        ]
        return [LossyValue(self._table, _value_text(row[0]), name, reason) for name, reason in faults]


Check = Callable[[Any], str | None]


def _check(layout: TableLayout, name: str, strict: bool) -> Check:
    """The check of the values of a column; `strict` for PostgreSQL."""
    column = layout.table.c.get(name)
    if column is None:  # a pipeline's name, or the position of a line in its log
        return _text_without_nul if name == "pipeline" else _integer(64)
    if isinstance(column.type, LargeBinary):
        return lambda value: None if isinstance(value, bytes) else f"{_value_text(value)} is no bytes"
    if isinstance(column.type, REAL):
        return _real
    if isinstance(column.type, (BigInteger, Integer)):
        return _integer(64 if isinstance(column.type, BigInteger) or not strict else 32)
    if not strict:
        return _encodable_text
    return _strict_text(column)


def _strict_text(column: Column[Any]) -> Check:
    kind = in_postgresql(column.type)
    if isinstance(kind, Enum):
        return lambda value: (
            None if value in kind.enums else f"{_value_text(value)} is none of {', '.join(kind.enums)}"
        )
    special: dict[type, Check] = {Uuid: _uuid, UtcDateTime: _utc_datetime, JsonText: _json}
    return special.get(type(column.type), _text_without_nul)


def _value_text(value: Any) -> str:
    return ascii(value)[:MAX_CHARACTERS]


def _encodable_text(value: Any) -> str | None:
    """The fault of a value that is not text in UTF-8."""
    if not isinstance(value, str):
        return f"{_value_text(value)} is no text"
    try:
        value.encode()
    except UnicodeEncodeError:
        return f"a lone surrogate, such as of a file name that is not UTF-8, in {_value_text(value)}"
    return None


def _text_without_nul(value: Any) -> str | None:
    return _encodable_text(value) or ("a NUL character in text" if "\0" in value else None)


def _real(value: Any) -> str | None:
    if not isinstance(value, float):
        return f"{_value_text(value)} is no floating-point number"
    return None if math.isfinite(value) else f"{value} is no number that every store keeps"


def _integer(bits: int) -> Check:
    def check(value: Any) -> str | None:
        if not isinstance(value, int):
            return f"{_value_text(value)} is no integer"
        return (
            None
            if -(1 << (bits - 1)) <= value < 1 << (bits - 1)
            else f"{value} does not fit into {bits} bits"
        )

    return check


def _uuid(value: Any) -> str | None:
    try:
        is_canonical = str(uuid.UUID(value)) == value
    except (ValueError, AttributeError, TypeError):
        return f"{_value_text(value)} is no UUID"
    return (
        None
        if is_canonical
        else f"{_value_text(value)} is a UUID in another spelling, which would not be kept"
    )


def _utc_datetime(value: Any) -> str | None:
    try:
        is_canonical = datetime.strptime(value, TIME_FORM).strftime(TIME_FORM) == value
    except (ValueError, TypeError):
        is_canonical = False
    return None if is_canonical else f"{_value_text(value)} is no time of the form YYYY-MM-DD HH:MM:SS"


def _json(value: Any) -> str | None:
    """The fault of JSON that `jsonb` refuses, or returns with other values."""
    if reason := _text_without_nul(value):
        return reason
    if not _SUSPICIOUS.search(value):
        return None
    try:
        value_read = json.loads(
            json_text(value), parse_float=_NumberText, parse_int=_NumberText, parse_constant=_NumberText
        )
    except ValueError as error:
        return f"no JSON: {error}"
    return next(_faults_in_json(value_read), None)


class _NumberText(str):
    """A number in JSON, as the text that spells it."""

    __slots__ = ()


def _faults_in_json(value: Any) -> Iterator[str]:
    if isinstance(value, _NumberText):
        yield from _faults_in_number(value)
    elif isinstance(value, str):
        if "\0" in value:
            yield "a NUL character in JSON"
        elif _encodable_text(value):
            yield "a lone surrogate in JSON"
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _faults_in_json(name)
            yield from _faults_in_json(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _faults_in_json(inner)


def _faults_in_number(token: str) -> Iterator[str]:
    if token in ("NaN", "Infinity", "-Infinity"):
        yield f"{token} in JSON"
        return
    jsonb_text = f"{Decimal(token):f}"  # as `jsonb` would return it
    before, after = json.loads(token), json.loads(jsonb_text)
    if type(before) is not type(after) or before != after or (before == 0 and token.startswith("-")):
        yield (
            f"the number {token[:MAX_CHARACTERS]} would be kept as "
            f"{jsonb_text[:MAX_CHARACTERS].removeprefix('-') if before == 0 else jsonb_text[:MAX_CHARACTERS]}"
        )
