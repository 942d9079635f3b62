"""Merges settings from layers: defaults, preset, batch file, command line.

Each key keeps the origin of its value.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from schemas.errors import InvalidSetting, UnknownSetting, UsageError
from schemas.settings.settings import Settings

DEFAULT: Final = "default"

E = TypeVar("E", bound=UsageError)


@dataclass(frozen=True, slots=True)
class Given:
    """A requested value; `origin` is "--set", "batch.yaml:3", "preset embedded", ..."""

    value: Any
    origin: str


Layer = Mapping[str, Given]  # by dotted key


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting as `vaengine config show` prints it."""

    key: str
    value: Any
    description: str
    origin: str


@dataclass(frozen=True, slots=True)
class Configuration:
    """Checked settings, and the origin of each dotted key."""

    settings: Settings
    origins: Mapping[str, str]

    def rows(self) -> list[SettingRow]:
        values = dict(flat(self.settings.model_dump()))
        return [
            SettingRow(key, values[key], known.description or "", self.origins[key])
            for key, known in KNOWN.items()
        ]


def _fields(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    for name, known in model.model_fields.items():
        if isinstance(known.annotation, type) and issubclass(known.annotation, BaseModel):
            yield from _fields(known.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", known


def flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yields dotted keys and values of nested sections."""
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


KNOWN: Final[Mapping[str, FieldInfo]] = dict(_fields(Settings))
SECTIONS: Final = frozenset(key[:dot] for key in KNOWN for dot, sign in enumerate(key) if sign == ".")


def configured(*layers: Layer) -> Configuration:
    """Settings from layers, the last one winning.

    Raises `UnknownSetting` and `InvalidSetting` with the origin as a note.
    """
    given: dict[str, Given] = {}
    for layer in layers:
        given.update(layer)
    for key, value in given.items():
        _check(key, value)
    try:
        settings = Settings.model_validate(_nested(given))
    except ValidationError as error:
        raise _invalid(error, given) from error
    return Configuration(settings, {key: given[key].origin if key in given else DEFAULT for key in KNOWN})


def layer(origin: str, values: Mapping[str, Any]) -> Layer:
    """A layer of values by dotted key, all of one origin."""
    return {key: Given(value, origin) for key, value in values.items()}


def assignments(texts: Iterable[str]) -> Layer:
    """The layer of `--set key=value`; values are YAML scalars, so `5` is a number and `null` is none.

    Raises `UsageError`.
    """
    return {key: Given(value, "--set") for key, value in map(_assignment, texts)}


def _assignment(text: str) -> tuple[str, Any]:
    import yaml

    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise UsageError(f"--set takes KEY=VALUE, not {text!r}, for example --set scene.threshold=30")
    try:
        return key.strip(), yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise InvalidSetting(key.strip(), value, "it is not a YAML value; put quotes around it") from error


def unknown(key: str, origin: str, also: Sequence[str] = ()) -> UnknownSetting:
    """The error for an unknown key, with the nearest known one.

    A key without a dot may be meant as a section.
    """
    sections = [] if "." in key else sorted(SECTIONS)
    return _noted(UnknownSetting(key, nearest(key, [*sections, *KNOWN, *also])), origin)


def nearest(key: str, keys: Sequence[str]) -> str:
    """The key most similar to `key`, whole or by its last part."""

    def similarity(candidate: str) -> float:
        whole = difflib.SequenceMatcher(None, key, candidate).ratio()
        last = difflib.SequenceMatcher(None, key.rpartition(".")[2], candidate.rpartition(".")[2]).ratio()
        return max(whole, 0.95 * last)

    return max(keys, key=similarity)


def _check(key: str, given: Given) -> None:
    if key in SECTIONS:
        first = next(known for known in KNOWN if known.startswith(f"{key}."))
        raise _noted(
            InvalidSetting(key, given.value, f"it is a section; set what is in it, such as {first}"),
            given.origin,
        )
    if key not in KNOWN:
        raise unknown(key, given.origin)
    # pydantic would take true for 1. Infinity and nan cannot be stored as JSON.
    is_infinite = isinstance(given.value, float) and not math.isfinite(given.value)
    if _is_number(KNOWN[key].annotation) and (isinstance(given.value, bool) or is_infinite):
        raise _noted(
            InvalidSetting(key, given.value, f"it should be a finite number ({KNOWN[key].description})"),
            given.origin,
        )


def _is_number(annotation: Any) -> bool:
    return not {annotation, *get_args(annotation)}.isdisjoint({int, float})


def _nested(given: Layer) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, value in given.items():
        *sections, name = key.split(".")
        inner = tree
        for section in sections:
            inner = inner.setdefault(section, {})
        inner[name] = value.value
    return tree


def _invalid(error: ValidationError, given: Layer) -> InvalidSetting:
    """pydantic's first complaint as one line: key, value, what it takes."""
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    takes = (
        first["msg"]
        .replace("Input should be", "it should be")
        .replace("a valid integer", "an integer")
        .replace("a valid ", "a ")
    )
    near = _nearest_choice(first, given[key].value)
    return _noted(
        InvalidSetting(key, given[key].value, f"{takes} ({KNOWN[key].description}){near}"),
        given[key].origin,
    )


def _nearest_choice(complaint: Mapping[str, Any], value: object) -> str:
    """`; did you mean 'fast'?` where a word is similar to one that a setting takes."""
    choices = re.findall(r"'([^']+)'", str(complaint.get("ctx", {}).get("expected", "")))
    near = difflib.get_close_matches(str(value).lower(), choices, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _noted(error: E, origin: str) -> E:
    error.add_note(f"(from {origin})")
    return error
