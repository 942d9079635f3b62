"""Exports: the formats, to have one written, how far it is, and its files as one archive."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import StreamingResponse

from schemas.pipelines import AnsweredBy
from vaengine.queries.language.document import Query
from vaengine.server.archive import zipped
from vaengine.server.context import Context, Reader
from vaengine.server.error_answers import declared
from vaengine.server.exports import ExportState
from vaengine.server.routes.queries import refuse_files, refuse_path

router = APIRouter(prefix="/api/exports", tags=["exports"])

ERRORS: Final = declared(400, 401, 404, 422, 503)
Name = Annotated[str, Field(min_length=1, max_length=500)]


class ExportFormat(BaseModel):
    """A format: what opens its files, and which annotation types they hold."""

    name: str
    opened_by: str
    kinds: list[str]
    has_pictures: bool


class ExportRequest(BaseModel):
    """What to export: all videos, or those named by `videos`, of a `batch`, or that a `query` finds."""

    model_config = ConfigDict(extra="forbid")

    format: Annotated[str, Field(min_length=1, max_length=50)]
    videos: Annotated[list[Name], Field(max_length=10_000)] = []
    batch: Name | None = None
    query: Query | None = None
    source: AnsweredBy = "machine"
    interpolate: bool = False
    min_confidence: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.0
    pictures: bool | None = None
    bom: bool = False


@router.get("/formats")
def formats() -> list[ExportFormat]:
    """The formats that an export can have."""
    from vaengine.exporting.registry import formats as all_formats

    return [
        ExportFormat(
            name=one.name,
            opened_by=one.opened_by,
            kinds=list(one.kinds),
            has_pictures=one.needs_pictures or one.can_have_pictures,
        )
        for one in all_formats()
    ]


@router.get("", responses=declared(401))
def exports(context: Context) -> list[ExportState]:
    """Every export: those at work and failed ones, then those that are ready, the newest first."""
    return context.exports.all()


@router.post("", status_code=202, responses=ERRORS | declared(403))
def export(context: Context, store: Reader, wanted: ExportRequest) -> ExportState:
    """Have an export written; it is `ready` later, and kept beside the results."""
    from vaengine.api.export import selection_of
    from vaengine.exporting.registry import format_named
    from vaengine.exporting.values.options import ExportOptions

    chosen = format_named(wanted.format)
    if wanted.query is not None:
        refuse_files(wanted.query)
    for name in wanted.videos:
        refuse_path(name)
    options = ExportOptions(
        wanted.interpolate, wanted.min_confidence, wanted.pictures, wanted.bom, wanted.source
    )
    selection = selection_of(
        store, wanted.videos, query=wanted.query, batch=wanted.batch, source=wanted.source
    )
    return context.exports.begin(chosen, selection, options)


@router.get("/{export_id}", responses=declared(401, 404))
def export_state(context: Context, export_id: str) -> ExportState:
    """How far an export is."""
    return context.exports.state(export_id)


@router.get(
    "/{export_id}/archive",
    responses={200: {"content": {"application/zip": {}}}, **declared(401, 404)},
    response_class=StreamingResponse,
)
def archive(context: Context, export_id: str) -> Any:
    """The files of an export as a zip archive."""
    folder = context.exports.folder(export_id)
    named = {"content-disposition": f'attachment; filename="{folder.name}.zip"'}
    return StreamingResponse(zipped(folder), media_type="application/zip", headers=named)
