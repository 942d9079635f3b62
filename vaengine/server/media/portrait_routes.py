"""The best pictures of persons, as places in videos; `/api/videos/ID/portrait` has the picture of each."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel

from schemas.errors import NotFound
from vaengine.people.portraits import Portrait
from vaengine.people.sheet_rows import SheetRow, rows_of_targets, rows_of_unnamed
from vaengine.people.targets import target_of
from vaengine.server.context import Reader
from vaengine.server.error_answers import declared

MAX_PORTRAITS: Final = 24
MAX_UNNAMED: Final = 100

router = APIRouter(prefix="/api/portraits", tags=["people"], responses=declared(400, 401, 404, 422, 503))

Limit = Annotated[int, Query(ge=1, le=MAX_PORTRAITS)]


class PortraitAnswer(BaseModel):
    """A box in one frame: `xyxy` is left, top, right and bottom in displayed pixels."""

    video_id: str
    label: str
    frame_number: int
    time_s: float
    xyxy: tuple[float, float, float, float]

    @classmethod
    def of(cls, one: Portrait) -> PortraitAnswer:
        """The place of a portrait."""
        return cls(
            video_id=one.video_id,
            label=one.label,
            frame_number=one.frame_number,
            time_s=one.time_s,
            xyxy=one.xyxy,
        )


class Sheet(BaseModel):
    """A person, an identity or a label, one line about it, and its pictures."""

    target: str
    about: str
    portraits: list[PortraitAnswer]

    @classmethod
    def of(cls, target: str, row: SheetRow) -> Sheet:
        """A row of a contact sheet."""
        return cls(
            target=target, about=row.about, portraits=[PortraitAnswer.of(one) for one in row.portraits]
        )


@router.get("")
def portraits(
    store: Reader, target: Annotated[str, Query(min_length=1, max_length=500)], limit: Limit = 8
) -> Sheet:
    """Up to `limit` pictures of a person (a name or an id), an identity, or `VIDEO:face_0001`."""

    def video_id_of(named: str) -> str:
        if not store.jobs_of([named]):
            raise NotFound(f"video {named}", store.url)
        return named

    [row] = rows_of_targets(store, [target_of(target, video_id_of)], limit)
    return Sheet.of(target, row)


@router.get("/unnamed")
def unnamed(
    store: Reader, limit: Limit = 8, most: Annotated[int, Query(ge=1, le=MAX_UNNAMED)] = 24
) -> list[Sheet]:
    """Identities of the collection that are nobody's, those in most videos first, at most `most`."""
    return [Sheet.of(row.title, row) for row in rows_of_unnamed(store, limit)[:most]]
