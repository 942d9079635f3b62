"""The query document: what is asked, as a frozen value that is validated when it is made.

The three front ends (the builder in Python, a YAML or JSON file, the command line) all make this value. Its
meaning is in `docs/querying.md`. Times are in seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

from schemas.pipelines import AnsweredBy
from vaengine.queries.language.kinds import KINDS, Kind, kind_named
from vaengine.queries.language.words import (
    MEASURED_RELATIONS,
    REGIONS,
    Distinct,
    KindName,
    LoudnessName,
    RegionMode,
    RelationName,
)

Seconds: TypeAlias = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]
_Part = TypeVar("_Part")
Number: TypeAlias = Annotated[float, Field(allow_inf_nan=False)]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Region(_Value):
    """A part of the picture, in shares of its width and height, and when a box counts as in it.

    `center`: the middle of the box lies in the half-open region. `inside`: all of the box does. `intersects`:
    any of it does. `fraction`: at least this share of its area does.
    """

    left: Share = 0.0
    top: Share = 0.0
    right: Share = 1.0
    bottom: Share = 1.0
    mode: RegionMode = "center"
    fraction: Annotated[float, Field(gt=0, le=1)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        named = {"name": value} if isinstance(value, str) else value
        if not isinstance(named, Mapping) or "name" not in named:
            return value
        name = str(named["name"]).strip().lower().replace("_", "-").replace(" ", "-")
        if name not in REGIONS:
            raise ValueError(f"no region is called {name!r}: there are {', '.join(REGIONS)}")
        rest = {key: each for key, each in named.items() if key != "name"}
        return dict(zip(("left", "top", "right", "bottom"), REGIONS[name], strict=True)) | rest

    @model_validator(mode="after")
    def _is_region(self) -> Region:
        if self.left >= self.right or self.top >= self.bottom:
            raise ValueError("a region needs left < right and top < bottom")
        if (self.mode == "fraction") != (self.fraction is not None):
            raise ValueError("mode fraction needs `fraction`, and no other mode takes it")
        return self


class Similar(_Value):
    """Rows that are like a face in an image file, or like what `vaengine similar` takes from the store:
    VIDEO:face_0001, VIDEO:person_0001, VIDEO:scene_0001, identity_0001, or the id of an annotation; scenes in
    which what a text says is to be seen.
    """

    image: str | None = None
    annotation: str | None = None
    text: Annotated[str, Field(min_length=1)] | None = None
    count: Annotated[int, Field(ge=1, le=10_000)] = 20
    min_score: Annotated[float, Field(ge=-1, le=1)] | None = None

    @model_validator(mode="after")
    def _has_one_source(self) -> Similar:
        if sum(one is not None for one in (self.image, self.annotation, self.text)) != 1:
            raise ValueError("`similar` needs one of `image`, `annotation` and `text`")
        return self


class Selector(_Value):
    """Rows of one kind that pass every filter given here; `where` are conditions on each of them."""

    kind: KindName
    label: str | None = None  # of a sound or a behavior, in any case
    person: str | None = None  # a name, an identity, or the id of a track, face or speaker
    said: str | None = None  # words of speech, in this order
    similar: Similar | None = None
    region: Region | None = None
    min_confidence: Share | None = None
    min_s: Seconds | None = None
    max_s: Seconds | None = None
    where: tuple[Condition, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _known_kind(cls, value: Any) -> Any:
        if not isinstance(value, Mapping) or not isinstance(value.get("kind"), str):
            return value
        return {**value, "kind": kind_named(value["kind"]).name}

    @model_validator(mode="after")
    def _fits_kind(self) -> Selector:
        usable = {
            "label": self.kind in ("sound", "behavior"),
            "said": self.kind in ("speech", "word"),
            "person": self.of.local_id is not None,
            "region": self.kind in ("face", "box"),
            "similar": self.kind in ("face", "identity", "scene"),
            "min_confidence": self.kind != "video",
        }
        unfit = [name for name, fits in usable.items() if getattr(self, name) is not None and not fits]
        if unfit:
            raise ValueError(f"a {self.kind} has no `{unfit[0]}`")
        if self.kind == "scene" and self.similar is not None and self.similar.image is not None:
            raise ValueError("a scene is like a scene: give `annotation: VIDEO:scene_0001`, not `image`")
        if self.kind != "scene" and self.similar is not None and self.similar.text is not None:
            raise ValueError(f"a {self.kind} is not found by `text`: that is for scenes")
        return self

    @property
    def of(self) -> Kind:
        """The kind of its rows."""
        return KINDS[self.kind]


def _of_part(selector: Selector) -> Selector:
    if selector.kind == "video":
        raise ValueError("a video as a whole is in no relation: name something in it")
    return selector


def _selector(value: Any) -> Any:
    """A selector that is written as text: `person`, `person:A`, `sound:laughter`, `speech:good morning`."""
    if not isinstance(value, str):
        return value
    name, _, rest = value.partition(":")
    kind = kind_named(name)
    if not rest.strip():
        return {"kind": kind.name}
    filters = {"sound": "label", "behavior": "label", "speech": "said", "word": "said"}
    return {"kind": kind.name, filters.get(kind.name, "person"): rest.strip()}


SelectorText = Annotated[Selector, BeforeValidator(_selector, json_schema_input_type=str | Selector)]
PartText = Annotated[SelectorText, AfterValidator(_of_part)]  # of what lies in a video


class Bounds(_Value):
    """Limits of a number: all that are given hold.

    With `percentile` the number is at least the one that this share (0 to 100) of the collection stays below
    or reaches.
    """

    gt: Number | None = None
    ge: Number | None = None
    lt: Number | None = None
    le: Number | None = None
    eq: Number | None = None
    percentile: Annotated[float, Field(ge=0, le=100)] | None = None

    @model_validator(mode="after")
    def _bounds_something(self) -> Bounds:
        if all(getattr(self, name) is None for name in Bounds.model_fields):
            raise ValueError(f"give one of {', '.join(Bounds.model_fields)}")
        return self

    def limits(self) -> Iterator[tuple[str, float]]:
        """Each limit that is given, by its name."""
        for name in ("gt", "ge", "lt", "le", "eq"):
            if (value := getattr(self, name)) is not None:
                yield name, value


class Relation(_Value):
    """A relation in time to any row of another selector.

    `within_s` is the longest distance for near, before and after; near needs one.
    """

    relation: RelationName
    to: PartText
    within_s: Seconds | None = None

    @model_validator(mode="after")
    def _has_distance(self) -> Relation:
        if self.relation == "near" and self.within_s is None:
            raise ValueError("near needs `within_s`, the longest distance in seconds")
        if self.within_s is not None and self.relation not in MEASURED_RELATIONS:
            raise ValueError(f"{self.relation} has no distance: leave `within_s` out")
        return self


class Count(Bounds):
    """How many rows of a selector lie in the found one, or how many persons they are.

    With `concurrent` it is the most at one instant. `min_overlap_s` is how long they have to overlap.
    """

    count: PartText
    distinct: Distinct = "row"
    concurrent: bool = False
    min_overlap_s: Seconds = 0.0

    @model_validator(mode="before")
    @classmethod
    def _people(cls, value: Any) -> Any:
        """People are counted once each, and only where they stay for half a second."""
        if not isinstance(value, Mapping) or "count" not in value:
            return value
        counted = Selector.model_validate(_selector(value["count"]))
        if counted.kind != "person":
            return value
        return {"distinct": "person", "min_overlap_s": 0.0 if value.get("concurrent") else 0.5, **value}

    @model_validator(mode="after")
    def _has_persons(self) -> Count:
        if self.distinct == "person" and self.count.of.local_id is None:
            raise ValueError(f"a {self.count.kind} is of no person: leave `distinct` out")
        return self


class Coverage(Bounds):
    """Which share of the found row, 0 to 1, is covered by the union of these rows."""

    coverage: Annotated[tuple[PartText, ...], Field(min_length=1)]

    @model_validator(mode="before")
    @classmethod
    def _several(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and isinstance(value.get("coverage"), str | Mapping):
            return {**value, "coverage": [value["coverage"]]}
        return value


class Mean(Bounds):
    """The mean loudness of the seconds that overlap the found row, in dBFS: 0 is the loudest."""

    mean: LoudnessName = "rms_dbfs"


class Duration(Bounds):
    """How long the found row is, in seconds."""

    duration: Literal[True]


class All(_Value):
    """All of these hold."""

    all: tuple[Condition, ...]


class Either(_Value):
    """At least one of these holds."""

    any: Annotated[tuple[Condition, ...], Field(min_length=1)]


class Not(_Value):
    """This does not hold; where a video was not analysed nobody knows, and nothing is found."""

    negated: Condition = Field(alias="not")


_BY_KEY: tuple[str, ...] = ("relation", "count", "coverage", "mean", "duration", "all", "any", "not")


def _key_of(value: Any) -> str | None:
    names = value if isinstance(value, Mapping) else {*type(value).model_fields}
    return next((key for key in _BY_KEY if key in names or (key == "not" and "negated" in names)), None)


Condition = Annotated[
    Annotated[Relation, Tag("relation")]
    | Annotated[Count, Tag("count")]
    | Annotated[Coverage, Tag("coverage")]
    | Annotated[Mean, Tag("mean")]
    | Annotated[Duration, Tag("duration")]
    | Annotated[All, Tag("all")]
    | Annotated[Either, Tag("any")]
    | Annotated[Not, Tag("not")],
    Discriminator(
        _key_of,
        custom_error_type="unknown_condition",
        custom_error_message=f"a condition has one of {', '.join(_BY_KEY)}",
    ),
]
Measure: TypeAlias = Count | Coverage | Mean | Duration


class Query(_Value):
    """One question to a store.

    `find` says which rows are sought, `where` what has to hold of each. Each of `steps` is related to the one
    before it and widens the answer: a moment is the hull of the found row and a row for each step. `answers`
    are moments, or the videos that have any. `videos` are ids, file names or patterns with `*`. `pad_s`
    widens each moment at both ends. `source` says whose rows answer: the machine's, those that people made,
    or `corrected`, those of people where they annotated a video and else the machine's. `page` is where an
    earlier answer ended.
    """

    version: Literal[1] = 1
    find: SelectorText
    where: tuple[Condition, ...] = ()
    steps: tuple[Relation, ...] = ()
    answers: Literal["moments", "videos"] = "moments"
    videos: tuple[str, ...] = ()
    pad_s: Seconds = 0.0
    source: AnsweredBy = "machine"
    limit: Annotated[int, Field(ge=1, le=1_000_000)] = 100
    page: str | None = None

    @model_validator(mode="after")
    def _finds_rows_in_time(self) -> Query:
        if self.find.kind == "video" and self.steps:
            raise ValueError("a video as a whole has no steps: find something in it, with `answers: videos`")
        return self

    @property
    def selectors(self) -> tuple[Selector, ...]:
        """Every selector of the query, at any depth."""
        return tuple(parts_of(self, Selector))


for _model in (Selector, Relation, Count, Coverage, All, Either, Not, Query):
    _model.model_rebuild()


def parts_of(value: object, kind: type[_Part]) -> Iterator[_Part]:
    """Every value of a type in a document, at any depth."""
    if isinstance(value, kind):
        yield value
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from parts_of(getattr(value, name), kind)
    elif isinstance(value, tuple):
        for each in value:
            yield from parts_of(each, kind)
