"""Questions to the collection: the query document as it is, what can be asked, and likeness."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from schemas.errors import UsageError
from vaengine.queries.language.document import Query
from vaengine.queries.language.parsing import to_mapping
from vaengine.queries.match import Match
from vaengine.server.collection.entry import shown_text
from vaengine.server.context import Reader, Writer
from vaengine.server.error_answers import declared

router = APIRouter(prefix="/api", tags=["queries"])

TIMEOUT_S: Final = 60.0  # of each statement
MAX_ANSWERS: Final = 1000  # of a page
ERRORS: Final = declared(400, 401, 404, 422, 503, 504)


class Moments(BaseModel):
    """One page of answers; `query` has every default resolved, `notes` say how far the answers reach."""

    matches: list[Match]
    query: dict[str, Any]
    notes: list[str]
    next_page: str | None


class SimilarTo(BaseModel):
    """What to find the like of: something stored (`VIDEO:face_0001`, `identity_0001`, an annotation's id),
    or, as `text`, what is to be seen in scenes.
    """

    model_config = ConfigDict(extra="forbid")

    named: Annotated[str, Field(max_length=500)] = ""
    text: Annotated[str | None, Field(max_length=500)] = None
    kind: Literal["identity", "face"] = "identity"
    count: Annotated[int, Field(ge=1, le=1000)] = 20
    min_cosine: Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)] = -1.0
    videos: Annotated[list[str], Field(max_length=1000)] = []


class FacetValue(BaseModel):
    """A value that can be asked for, and how often there is one."""

    facet: str
    value: str
    rows: int
    videos: int


class SavedQuery(BaseModel):
    """A query that the store keeps by a name."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    query: dict[str, Any]


@router.post("/query", responses=ERRORS)
def query(store: Reader, document: Query) -> Moments:
    """The moments that a query finds, at most 1000 a page; its document is `vaengine query`'s."""
    from vaengine.api.questions.query import answers_of

    refuse_files(document)
    limited = document.model_copy(update={"limit": min(document.limit, MAX_ANSWERS)})
    found = answers_of(store, limited, TIMEOUT_S)
    return Moments(
        matches=[_shown(match) for match in found.matches],
        query=to_mapping(found.query),
        notes=[shown_text(note) for note in found.remarks],
        next_page=found.next_page,
    )


@router.post("/query/explain", responses=ERRORS)
def explain(store: Reader, document: Query) -> list[str]:
    """Why a query finds what it finds, or nothing, in lines."""
    from vaengine.api.questions.query import explanation_of

    refuse_files(document)
    return [shown_text(line) for line in explanation_of(store, document, TIMEOUT_S).lines()]


@router.get("/query/schema")
def schema() -> dict[str, Any]:
    """The JSON Schema of a query."""
    from vaengine.queries.language.parsing import schema as schema_of

    return schema_of()


@router.get("/facets", responses=declared(401, 404, 503))
def facets(store: Reader) -> list[FacetValue]:
    """What can be asked: kinds of rows, sounds, persons, presets, and how many there are of each."""
    from vaengine.queries.facets import facets_of
    from vaengine.queries.named_people import NamedPeople

    return [
        FacetValue(facet=one.facet, value=shown_text(one.value), rows=one.rows, videos=one.videos)
        for one in facets_of(store, NamedPeople(store))
    ]


@router.get("/queries", responses=declared(401, 404, 503))
def saved_queries(store: Reader) -> list[SavedQuery]:
    """The queries that the store keeps."""
    from vaengine.queries.language.saved import saved

    return [
        SavedQuery(name=name, query=to_mapping(saved(store, name))) for name in sorted(store.saved_queries())
    ]


@router.put("/queries/{name}", responses=ERRORS | declared(403))
def save_query(store: Writer, name: str, document: Query) -> SavedQuery:
    """Keep a query by a name, in place of the one that has it."""
    from vaengine.queries.language.saved import save

    save(store, name, document)
    return SavedQuery(name=name, query=to_mapping(document))


@router.delete("/queries/{name}", responses=declared(400, 401, 403, 404, 503))
def drop_query(store: Writer, name: str) -> dict[str, bool]:
    """Forget a saved query; `dropped` says whether there was one."""
    return {"dropped": store.drop_query(name)}


@router.post("/similar", responses=ERRORS)
def similar(store: Reader, wanted: SimilarTo) -> list[Match]:
    """What is most like something stored, or like what a text says, best first; `score` is the cosine."""
    from vaengine.api.questions.similarity import SimilarityRequest
    from vaengine.api.questions.similarity import similar as find_similar

    for name in (wanted.named, *wanted.videos):
        refuse_path(name)
    request = SimilarityRequest(
        named=wanted.named,
        kind=wanted.kind,
        count=wanted.count,
        min_cosine=wanted.min_cosine,
        videos=tuple(wanted.videos),
        text=wanted.text,
    )
    return [_shown(match) for match in find_similar(store, request)]


def _shown(match: Match) -> Match:
    return replace(match, path=shown_text(match.path), why=shown_text(match.why))


def refuse_files(document: Query) -> None:
    """A picture is sent, never a path of this machine."""
    for wanted in _likenesses(to_mapping(document)):
        if wanted.get("image") is not None:
            raise UsageError("similar.image would be a file of the server: name something stored instead")
        refuse_path(wanted.get("annotation") or "")


def _likenesses(value: Any) -> Iterator[dict[str, Any]]:
    """Every `similar` of a document, however deep."""
    if isinstance(value, dict):
        if isinstance(value.get("similar"), dict):
            yield value["similar"]
        yield from (found for each in value.values() for found in _likenesses(each))
    elif isinstance(value, list | tuple):
        yield from (found for each in value for found in _likenesses(each))


def refuse_path(named: str) -> None:
    """Raise `UsageError` for what looks like a path of the server's machine."""
    if "/" in named or "\\" in named or named.startswith("."):
        raise UsageError(f"{shown_text(named)!r} looks like a path: name something stored, VIDEO:face_0001")
