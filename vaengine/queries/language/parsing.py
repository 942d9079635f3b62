"""Reads query documents from files and mappings, writes them, and publishes their JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from schemas.errors import UsageError
from vaengine.queries.language.document import Query

SUFFIXES: Final = (".yaml", ".yml", ".json")


def query_of(value: Query | Mapping[str, Any] | str) -> Query:
    """The query of a document: a mapping, or its text in YAML or JSON. Raises `UsageError`."""
    if isinstance(value, Query):
        return value
    try:
        document = yaml.safe_load(value) if isinstance(value, str) else value
    except yaml.YAMLError as error:
        raise UsageError(f"the query is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, Mapping):
        raise UsageError("a query is a mapping with `find`, such as {find: person}")
    try:
        return Query.model_validate(dict(document))
    except ValidationError as error:
        raise UsageError(_one_line(error)) from None


def query_in(path: Path) -> Query:
    """The query in a file; raises `UsageError`, which names the file."""
    try:
        return query_of(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: it is no text in UTF-8") from error
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def to_mapping(query: Query) -> dict[str, Any]:
    """A query as a mapping of plain values, without what is not given."""
    value: dict[str, Any] = query.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {name: each for name, each in _without_empty(value).items() if name != "version"}


def to_yaml(query: Query) -> str:
    """A query as YAML that reads back as the same query."""
    return yaml.safe_dump(to_mapping(query), sort_keys=False, allow_unicode=True)


def to_json(query: Query) -> str:
    """A query as one line of JSON, the same for equal queries."""
    return json.dumps(to_mapping(query), sort_keys=True, ensure_ascii=False)


def schema() -> dict[str, Any]:
    """The JSON Schema of a query document."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Query.model_json_schema(by_alias=True),
    }


def _without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_empty(each) for name, each in value.items() if each not in ([], {})}
    return [_without_empty(each) for each in value] if isinstance(value, list) else value


def _one_line(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"] if not str(part).startswith("function-"))
    message = str(first["msg"]).removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        message = f"it has no such key{_nearest(error, str(first['loc'][-1]))}"
    return f"query: {place}: {message}" if place else f"query: {message}"


def _nearest(error: ValidationError, name: str) -> str:
    known = {field for model in _models() for field in model}
    near = get_close_matches(name, sorted(known), 1, 0.6)
    return f": did you mean {near[0]!r}?" if near else ""


def _models() -> list[dict[str, Any]]:
    definitions = schema().get("$defs", {})
    return [schema().get("properties", {}), *(each.get("properties", {}) for each in definitions.values())]
