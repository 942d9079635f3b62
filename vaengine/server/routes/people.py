"""Who is who across the collection: persons, and naming, merging, splitting and undoing by hand."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from schemas.errors import NotFound, UsageError
from schemas.storage.backend import StorageBackend
from vaengine.people.edits import Decision
from vaengine.people.resolution import ResolvedPerson
from vaengine.people.targets import IdentityTarget, LabelTarget, Target
from vaengine.server.collection.entry import shown_text
from vaengine.server.context import Reader, Writer
from vaengine.server.error_answers import declared

router = APIRouter(prefix="/api/people", tags=["people"])

ERRORS: Final = declared(400, 401, 403, 404, 409, 422, 503)
Name = Annotated[str, Field(min_length=1, max_length=200)]
Label = Annotated[str, Field(min_length=1, max_length=500)]


class InVideo(BaseModel):
    """A person in one video: ids of tracks, faces and speakers, and by what each is known."""

    video_id: str
    tracks: list[str]
    faces: list[str]
    speakers: list[str]
    known_by: dict[str, str]


class NotFoundAgain(BaseModel):
    """A reference that is to nobody in the present results."""

    reference: str
    reason: str


class PersonFacts(BaseModel):
    """A person of the collection; `name` is null before somebody has given one."""

    person_id: str
    name: str | None
    identities: list[str]
    videos: list[InVideo]
    not_found: list[NotFoundAgain]
    notes: list[str]


class Naming(BaseModel):
    """Gives `target` a name: a person, an identity of the collection, or `VIDEO:face_0001`."""

    model_config = ConfigDict(extra="forbid")
    action: Literal["name"]
    target: Label
    name: Name


class Merging(BaseModel):
    """Makes two persons one, who keeps the name of `person`."""

    model_config = ConfigDict(extra="forbid")
    action: Literal["merge"]
    person: Label
    other: Label


class Splitting(BaseModel):
    """Takes `parts` away from a person, for another one of this name or for a new one."""

    model_config = ConfigDict(extra="forbid")
    action: Literal["split"]
    person: Label
    parts: Annotated[list[Label], Field(min_length=1, max_length=1000)]
    name: Name | None = None


class Undoing(BaseModel):
    """Takes back the newest edit, or with `redo` the newest undo."""

    model_config = ConfigDict(extra="forbid")
    action: Literal["undo"]
    redo: bool = False


class Edited(BaseModel):
    """An edit that is stored, and one line about it."""

    edit_id: str
    person_id: str
    text: str


Edit = Annotated[Naming | Merging | Splitting | Undoing, Field(discriminator="action")]


@router.get("", responses=declared(401, 404, 503))
def people(store: Reader) -> list[PersonFacts]:
    """Everybody of the collection, those in most videos first."""
    from vaengine.people.resolution import EntityResolution

    everybody = EntityResolution(store).everybody()
    ordered = sorted(everybody, key=lambda one: (-len(one.videos), one.person.shown_name.casefold()))
    return list(map(_facts, ordered))


@router.get("/{person}", responses=declared(400, 401, 404, 422, 503))
def person(store: Reader, person: str) -> PersonFacts:
    """One person, by name or id."""
    from vaengine.people.resolution import EntityResolution

    return _facts(EntityResolution(store).named(person))


@router.post("/edits", responses=ERRORS)
def edit(store: Writer, wanted: Edit) -> Edited:
    """Name, merge, split or undo; every edit can be taken back."""
    decision = _decided(store, wanted)
    return Edited(
        edit_id=decision.edit.edit_id, person_id=decision.edit.person_id, text=shown_text(decision.told)
    )


def _decided(store: Writer, wanted: Naming | Merging | Splitting | Undoing) -> Decision:
    from vaengine.people import edits

    if isinstance(wanted, Naming):
        return edits.name_person(store, _target(store, wanted.target), wanted.name)
    if isinstance(wanted, Merging):
        return edits.merge_persons(store, wanted.person, wanted.other)
    if isinstance(wanted, Splitting):
        parts = [_part(store, text) for text in wanted.parts]
        return edits.split_person(store, wanted.person, parts, wanted.name)
    return edits.undo_edit(store, redo=wanted.redo)


def _target(store: StorageBackend, text: str) -> Target:
    """What a text means; a video is named by its id alone, never by a path."""
    from vaengine.people.targets import target_of

    def video_id_of(named: str) -> str:
        if not store.jobs_of([named]):
            raise NotFound(f"video {shown_text(named)}", store.url)
        return named

    return target_of(text, video_id_of)


def _part(store: StorageBackend, text: str) -> LabelTarget | IdentityTarget:
    target = _target(store, text)
    if isinstance(target, str):
        raise UsageError(f"{text!r} is no part of a person: name it as VIDEO:face_0001 or identity_0001")
    return target


def _facts(found: ResolvedPerson) -> PersonFacts:
    from vaengine.people.listing import person_event

    return PersonFacts.model_validate(person_event(found))
