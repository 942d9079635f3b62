"""What a store would refuse or change of a row, by name: nothing is dropped or altered without a word.

PostgreSQL takes no NUL in text, no NUL, lone surrogate or NaN in `jsonb`, and of some numbers there it keeps
another spelling that reads as another kind of number (its manual, "JSON Types"). SQLite keeps NaN as NULL,
and a column of any type may hold a value of any other.
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

from actors.stores.sql.postgres_json import json_text
from actors.transfer.unit import LAYOUTS, TableLayout, TravelRow
from schemas.storage.column_types import TIME_FORM, JsonText, UtcDateTime, Uuid, in_postgresql

Destination = Literal["files", "sqlite", "postgresql"]
SHOWN: Final = 60  # characters of a value in a message

# a number begins after one of these; so may a part of a text, which costs a closer look
_BEFORE_NUMBER: Final = r"(?<![^:,\[\s])"
_SUSPICIOUS: Final = re.compile(
    rf"\\u0000|\\u[dD][89a-fA-F]|{_BEFORE_NUMBER}(?:NaN|-?Infinity|-0(?:\.0*)?(?![\d.])|-?\d[\d.]*(?:E|e\d))"
)


@dataclass(frozen=True, slots=True)
class LossyValue:
    """One value that would not arrive as it is: `row` begins with what tells it apart in its table."""

    table: str
    row: str
    column: str
    reason: str

    def __str__(self) -> str:
        return f"{self.table}.{self.column} of {self.row}: {self.reason}"


class ValueChecker:
    """Looks at the rows of one table on their way to one kind of store."""

    def __init__(self, table: str, destination: Destination) -> None:
        layout = LAYOUTS[table]
        self._table, strict = table, destination == "postgresql"
        self._checks = [(at, name, _check(layout, name, strict)) for at, name in enumerate(layout.names)]

    def hazards(self, row: TravelRow) -> list[LossyValue]:
        """What is wrong with a row."""
        found = [
            (name, reason)
            for at, name, check in self._checks
            if row[at] is not None and (reason := check(row[at]))
        ]
        return [LossyValue(self._table, ascii(row[0])[:SHOWN], name, reason) for name, reason in found]


Check = Callable[[Any], str | None]


def _check(layout: TableLayout, name: str, strict: bool) -> Check:
    """What is asked of the values of a column; `strict`: as PostgreSQL does."""
    column = layout.table.c.get(name)
    if column is None:  # a pipeline's name, or the place of a line in its log
        return _text if name == "pipeline" else _integer(64)
    if isinstance(column.type, LargeBinary):
        return lambda value: None if isinstance(value, bytes) else f"{_shown(value)} is no bytes"
    if isinstance(column.type, REAL):
        return _real
    if isinstance(column.type, (BigInteger, Integer)):
        return _integer(64 if isinstance(column.type, BigInteger) or not strict else 32)
    if not strict:
        return _words
    return _strict_text(column)


def _strict_text(column: Column[Any]) -> Check:
    kind = in_postgresql(column.type)
    if isinstance(kind, Enum):
        return lambda value: (
            None if value in kind.enums else f"{_shown(value)} is none of {', '.join(kind.enums)}"
        )
    special: dict[type, Check] = {Uuid: _uuid, UtcDateTime: _moment, JsonText: _json}
    return special.get(type(column.type), _text)


def _shown(value: Any) -> str:
    return ascii(value)[:SHOWN]


def _words(value: Any) -> str | None:
    """Text that UTF-8 can hold."""
    if not isinstance(value, str):
        return f"{_shown(value)} is no text"
    try:
        value.encode()
    except UnicodeEncodeError:
        return f"a lone surrogate, such as of a file name that is not UTF-8, in {_shown(value)}"
    return None


def _text(value: Any) -> str | None:
    return _words(value) or ("a NUL character in text" if "\0" in value else None)


def _real(value: Any) -> str | None:
    if not isinstance(value, float):
        return f"{_shown(value)} is no floating-point number"
    return None if math.isfinite(value) else f"{value} is no number that every store keeps"


def _integer(bits: int) -> Check:
    def check(value: Any) -> str | None:
        if not isinstance(value, int):
            return f"{_shown(value)} is no integer"
        return (
            None
            if -(1 << (bits - 1)) <= value < 1 << (bits - 1)
            else f"{value} does not fit into {bits} bits"
        )

    return check


def _uuid(value: Any) -> str | None:
    try:
        usual = str(uuid.UUID(value)) == value
    except (ValueError, AttributeError, TypeError):
        return f"{_shown(value)} is no UUID"
    return None if usual else f"{_shown(value)} is a UUID in another spelling, which would not be kept"


def _moment(value: Any) -> str | None:
    try:
        usual = datetime.strptime(value, TIME_FORM).strftime(TIME_FORM) == value
    except (ValueError, TypeError):
        usual = False
    return None if usual else f"{_shown(value)} is no time of the form YYYY-MM-DD HH:MM:SS"


def _json(value: Any) -> str | None:
    """JSON that `jsonb` takes and gives back with the same values."""
    if reason := _text(value):
        return reason
    if not _SUSPICIOUS.search(value):
        return None
    try:
        found = json.loads(json_text(value), parse_float=_Kept, parse_int=_Kept, parse_constant=_Kept)
    except ValueError as error:
        return f"no JSON: {error}"
    return next(_in_json(found), None)


class _Kept(str):
    """A number as it is spelled."""

    __slots__ = ()


def _in_json(value: Any) -> Iterator[str]:
    if isinstance(value, _Kept):
        yield from _in_number(value)
    elif isinstance(value, str):
        if "\0" in value:
            yield "a NUL character in JSON"
        elif _words(value):
            yield "a lone surrogate in JSON"
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _in_json(name)
            yield from _in_json(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _in_json(inner)


def _in_number(token: str) -> Iterator[str]:
    if token in ("NaN", "Infinity", "-Infinity"):
        yield f"{token} in JSON"
        return
    kept = f"{Decimal(token):f}"  # what `jsonb` would say
    before, after = json.loads(token), json.loads(kept)
    if type(before) is not type(after) or before != after or (before == 0 and token.startswith("-")):
        yield (
            f"the number {token[:SHOWN]} would be kept as "
            f"{kept[:SHOWN].removeprefix('-') if before == 0 else kept[:SHOWN]}"
        )
