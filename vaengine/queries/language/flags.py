"""Makes a query document of the options of a command line: texts such as `person>3` or `overlaps speech`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, get_args

from schemas.errors import UsageError
from vaengine.queries.language.document import Query
from vaengine.queries.language.kinds import kind_named
from vaengine.queries.language.parsing import query_of
from vaengine.queries.language.words import MEASURED_RELATIONS, KindName, LoudnessName, RelationName

_COMPARED: Final = re.compile(r"\s*(.+?)\s*(>=|<=|==|=|>|<)\s*(-?\d+(?:\.\d+)?)\s*(%?)\s*")
_BOUNDS: Final = {">": "gt", ">=": "ge", "<": "lt", "<=": "le", "=": "eq", "==": "eq"}
_SECONDS: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|)")
_OPTION_NAMES: Final = {  # of the fields of `QueryFlags` that are called otherwise
    "relations": "relations",
    "without": "--not",
    "counts": "--count",
    "coverages": "--coverage",
    "means": "--mean",
    "videos": "--video",
}
_FACTORS: Final = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True)
class QueryFlags:
    """The options of `vaengine query`, as they were given."""

    find: str
    person: str | None = None
    label: str | None = None
    said: str | None = None
    region: str | None = None
    mode: str | None = None
    min_confidence: float | None = None
    relations: Sequence[tuple[str, str]] = ()  # each a step: relation and selector
    within: str | None = None
    without: Sequence[str] = ()  # `relation selector [seconds]`
    counts: Sequence[str] = ()
    coverages: Sequence[str] = ()
    means: Sequence[str] = ()
    lasting: Sequence[str] = ()
    videos: Sequence[str] = ()
    pad: str | None = None
    source: str | None = None
    limit: int | None = None
    page: str | None = None

    def document(self) -> Query:
        """The query that the options mean; raises `UsageError`."""
        finds_videos = kind_named(self.find).name == "video"
        found = self._found(finds_videos)
        value: dict[str, Any] = {
            "find": found,
            "where": [*self._negated(), *self._measured()],
            "steps": [self._step(relation, other) for relation, other in self.relations],
            "answers": "videos" if finds_videos and found["kind"] != "video" else "moments",
            "videos": list(self.videos),
        }
        if self.pad is not None:
            value["pad_s"] = seconds_of(self.pad)
        value |= {
            name: given for name in ("source", "limit", "page") if (given := getattr(self, name)) is not None
        }
        return query_of(value)

    def beside_paging(self) -> list[str]:
        """The options that say what is sought, of those that were given."""
        return [
            _OPTION_NAMES.get(each.name, f"--{each.name.replace('_', '-')}")
            for each in fields(self)
            if each.name not in ("find", "limit", "page") and getattr(self, each.name) not in (None, (), [])
        ]

    def _found(self, finds_videos: bool) -> dict[str, Any]:
        """What is sought: in `videos --person A` it is the person, and the answers are videos."""
        kind = self._kind_in_videos() if finds_videos else kind_named(self.find).name
        given = {
            "person": self.person,
            "label": self.label,
            "said": self.said,
            "min_confidence": self.min_confidence,
            "region": self._region(),
        }
        return {"kind": kind, **{name: value for name, value in given.items() if value is not None}}

    def _kind_in_videos(self) -> KindName:
        choices: dict[KindName, object] = {
            "face": self.region,
            "speech": self.said,
            "sound": self.label,
            "person": self.person,
        }
        named = [kind for kind, value in choices.items() if value is not None]
        if self.relations and not named:
            raise UsageError("say what is to be in the videos: --person, --label, --said or --region")
        return named[0] if named else "video"

    def _region(self) -> dict[str, Any] | None:
        if self.region is None:
            if self.mode is not None:
                raise UsageError("--mode says when a box is in a --region: give one")
            return None
        numbers = [part.strip() for part in self.region.split(",")]
        place: dict[str, Any] = {"name": self.region}
        if len(numbers) == 4:
            place = {
                side: _number(text, "--region")
                for side, text in zip(("left", "top", "right", "bottom"), numbers, strict=True)
            }
        mode, _, fraction = (self.mode or "center").partition(">=")
        if fraction:
            place["fraction"] = _number(fraction, "--mode")
        return {**place, "mode": mode.strip()}

    def _step(self, relation: str, other: str) -> dict[str, Any]:
        step: dict[str, Any] = {"relation": relation, "to": other}
        if relation in MEASURED_RELATIONS and self.within is not None:
            step["within_s"] = seconds_of(self.within)
        return step

    def _negated(self) -> list[dict[str, Any]]:
        return [{"not": _relation(text)} for text in self.without]

    def _measured(self) -> list[dict[str, Any]]:
        return [
            *(_compared("count", text, one=True) for text in self.counts),
            *(_compared("coverage", text) for text in self.coverages),
            *(_mean(text) for text in self.means),
            *({"duration": True, **_bound(f"length {text}")[1]} for text in self.lasting),
        ]


def seconds_of(text: str) -> float:
    """The seconds that a text means: `5`, `5s`, `1.5m`, `200ms`; raises `UsageError`."""
    match = _SECONDS.fullmatch(text.strip().lower())
    if match is None:
        raise UsageError(f"{text!r} is no length of time such as 5s, 1.5m or 200ms")
    return float(match[1]) * _FACTORS[match[2]]


def _number(text: str, option: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"{option}: {text!r} is no number") from None


def _bound(text: str) -> tuple[str, Mapping[str, float]]:
    """What a comparison is about, and its limit: `person>3`; with `%` it is a percentile."""
    match = _COMPARED.fullmatch(text)
    if match is None:
        raise UsageError(f"{text!r} is no comparison such as person>3 or speech>=0.5")
    if match[4]:
        if match[2] not in (">", ">="):
            raise UsageError(f"{text!r}: a percentile is a lower limit: write >=75%")
        return match[1], {"percentile": float(match[3])}
    return match[1], {_BOUNDS[match[2]]: float(match[3])}


def _compared(key: str, text: str, *, one: bool = False) -> dict[str, Any]:
    about, bound = _bound(text)
    if one:
        at_once = about.endswith(" at once")
        return {key: about.removesuffix(" at once"), "concurrent": at_once, **bound}
    return {key: [part.strip() for part in about.split("+")], **bound}


def _mean(text: str) -> dict[str, Any]:
    about, bound = _bound(text)
    name = (
        about if about in get_args(LoudnessName) else {"loudness": "rms_dbfs", "peak": "peak_dbfs"}.get(about)
    )
    if name is None:
        raise UsageError(f"--mean takes loudness or peak, such as loudness>-30, not {about!r}")
    return {"mean": name, **bound}


def _relation(text: str) -> dict[str, Any]:
    """`overlaps speech`, `near sound:laughter 5s`."""
    relation, _, rest = text.strip().partition(" ")
    if relation not in get_args(RelationName) or not rest:
        known = ", ".join(get_args(RelationName))
        raise UsageError(f"{text!r} is no relation such as 'overlaps speech': there are {known}")
    other, _, last = rest.strip().rpartition(" ")
    if relation in MEASURED_RELATIONS and other and _SECONDS.fullmatch(last.lower()):
        return {"relation": relation, "to": other, "within_s": seconds_of(last)}
    return {"relation": relation, "to": rest.strip()}


def given(options: Iterable[tuple[str, Sequence[str] | None]]) -> list[tuple[str, str]]:
    """Each relation with each of the selectors that were given for it."""
    return [(relation, other) for relation, others in options for other in others or ()]
