"""Builds a query step by step in Python: `find("person", person="A").near("sound:laughter", 5)`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self, TypeAlias

from vaengine.queries.language.document import Query
from vaengine.queries.language.kinds import kind_named
from vaengine.queries.language.parsing import query_of

SelectorLike: TypeAlias = str | Mapping[str, Any]  # `sound:laughter`, or a mapping as in a document


@dataclass(frozen=True, slots=True)
class Find:
    """A query that is being built: each method returns a new one; `query` validates it."""

    document: Mapping[str, Any] = field(default_factory=dict)

    @property
    def query(self) -> Query:
        """The query; raises `UsageError`."""
        return query_of(self.document)

    def step(self, relation: str, to: SelectorLike, within_s: float | None = None) -> Self:
        """Widen the answer by a row that has a relation to the last one."""
        distance = {} if within_s is None else {"within_s": within_s}
        return self._more("steps", {"relation": relation, "to": to, **distance})

    def near(self, to: SelectorLike, within_s: float) -> Self:
        """At most so far from one of these."""
        return self.step("near", to, within_s)

    def then(self, to: SelectorLike, within_s: float | None = None) -> Self:
        """Followed by one of these, at most so much later."""
        return self.step("before", to, within_s)

    def after(self, to: SelectorLike, within_s: float | None = None) -> Self:
        """After one of these, at most so much later."""
        return self.step("after", to, within_s)

    def overlaps(self, to: SelectorLike) -> Self:
        """Sharing a moment with one of these."""
        return self.step("overlaps", to)

    def during(self, to: SelectorLike) -> Self:
        """Within one of these."""
        return self.step("during", to)

    def where(self, *conditions: Mapping[str, Any]) -> Self:
        """Conditions as in a document, all of which have to hold."""
        found = self
        for condition in conditions:
            found = found._more("where", condition)
        return found

    def without(self, relation: str, to: SelectorLike, within_s: float | None = None) -> Self:
        """With no such row in this relation."""
        distance = {} if within_s is None else {"within_s": within_s}
        return self.where({"not": {"relation": relation, "to": to, **distance}})

    def count(self, of: SelectorLike, *, concurrent: bool = False, **bounds: float) -> Self:
        """With a number of these within these bounds: `count("person", gt=3)`."""
        return self.where({"count": of, "concurrent": concurrent, **bounds})

    def coverage(self, *of: SelectorLike, **bounds: float) -> Self:
        """Covered by these to a share within these bounds: `coverage("speech", "voice", gt=0.5)`."""
        return self.where({"coverage": list(of), **bounds})

    def loudness(self, **bounds: float) -> Self:
        """So loud on average, in dBFS: `loudness(gt=-30)`, `loudness(percentile=75)`."""
        return self.where({"mean": "rms_dbfs", **bounds})

    def lasting(self, **bounds: float) -> Self:
        """So many seconds long: `lasting(ge=2)`."""
        return self.where({"duration": True, **bounds})

    def videos(self, *names: str) -> Self:
        """Only in these videos: ids, file names, patterns."""
        return type(self)({**self.document, "videos": [*self.document.get("videos", ()), *names]})

    def as_videos(self) -> Self:
        """Answer with videos rather than moments."""
        return type(self)({**self.document, "answers": "videos"})

    def limit(self, number: int) -> Self:
        """So many answers at most."""
        return type(self)({**self.document, "limit": number})

    def _more(self, name: str, value: Mapping[str, Any]) -> Self:
        return type(self)({**self.document, name: [*self.document.get(name, ()), value]})


def find(kind: str, **filters: Any) -> Find:
    """Begin a query: what is sought, with filters such as `person`, `label`, `said`, `region`.

    Raises `UsageError` for an unknown kind.
    """
    return Find({"find": {"kind": kind_named(kind).name, **filters}})
