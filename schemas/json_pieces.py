"""JSON of objects that hold very many values, made piece by piece: the whole text is never in memory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

PAGE: Final = 1_000  # texts that are encoded together


def json_pieces(value: Any, *, ensure_ascii: bool = True) -> Iterator[str]:
    """The pieces of `json.dumps(value, indent=2)`; any iterable beside a text is a list, and read once."""
    return _pieces(value, "\n", ensure_ascii)


def _pieces(value: Any, margin: str, ensure_ascii: bool) -> Iterator[str]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        yield json.dumps(value, ensure_ascii=ensure_ascii)
    elif isinstance(value, Mapping):
        yield from _object(value, margin, ensure_ascii)
    else:
        yield from _list(value, margin, ensure_ascii)


def _object(values: Mapping[str, Any], margin: str, ensure_ascii: bool) -> Iterator[str]:
    start, inner = "{", f"{margin}  "
    for name, value in values.items():
        yield f"{start}{inner}{json.dumps(name, ensure_ascii=ensure_ascii)}: "
        yield from _pieces(value, inner, ensure_ascii)
        start = ","
    yield "{}" if start == "{" else f"{margin}}}"


def _list(values: Iterable[Any], margin: str, ensure_ascii: bool) -> Iterator[str]:
    start, inner, remaining = "[", f"{margin}  ", iter(values)
    encoder = json.JSONEncoder(ensure_ascii=ensure_ascii, separators=(f",{inner}", ": "))
    while page := list(islice(remaining, PAGE)):
        if all(isinstance(value, str) for value in page):  # such as a million paths
            yield f"{start}{inner}{encoder.encode(page)[1:-1]}"
            start = ","
            continue
        for value in page:
            yield f"{start}{inner}"
            yield from _pieces(value, inner, ensure_ascii)
            start = ","
    yield "[]" if start == "[" else f"{margin}]"
