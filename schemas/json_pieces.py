"""JSON of objects that hold very many values, made piece by piece: the whole text is never in memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any


def json_pieces(value: Any, *, ensure_ascii: bool = True) -> Iterator[str]:
    """The pieces of `json.dumps(value, indent=2)`; any iterable beside a text is a list, and read once."""
    return _pieces(value, json.JSONEncoder(ensure_ascii=ensure_ascii).encode, "\n")


def _pieces(value: Any, encode: Callable[[Any], str], margin: str) -> Iterator[str]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        yield encode(value)
    elif isinstance(value, Mapping):
        yield from _object(value, encode, margin)
    else:
        yield from _list(value, encode, margin)


def _object(values: Mapping[str, Any], encode: Callable[[Any], str], margin: str) -> Iterator[str]:
    start, inner = "{", f"{margin}  "
    for name, value in values.items():
        yield f"{start}{inner}{encode(name)}: "
        yield from _pieces(value, encode, inner)
        start = ","
    yield "{}" if start == "{" else f"{margin}}}"


def _list(values: Iterable[Any], encode: Callable[[Any], str], margin: str) -> Iterator[str]:
    start, inner = "[", f"{margin}  "
    for value in values:
        yield f"{start}{inner}"
        if isinstance(value, str):  # a million paths
            yield encode(value)
        else:
            yield from _pieces(value, encode, inner)
        start = ","
    yield "[]" if start == "[" else f"{margin}]"
