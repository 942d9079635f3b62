"""Sending a video to the server, to be named in a batch by its id."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from pydantic import BaseModel

from vaengine.server.context import Context
from vaengine.server.error_answers import declared

router = APIRouter(prefix="/api", tags=["batches"])

UNLIMITED: Final = 2**62  # the limit of the settings is held to while the file comes in


class Upload(BaseModel):
    """A video that the server has; `POST /api/batches` takes the id among its `uploads`."""

    upload_id: str
    name: str
    size_bytes: int


@router.put(
    "/uploads/{name}",
    status_code=201,
    max_body_size=UNLIMITED,
    responses=declared(400, 401, 403, 413, 422, 507),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def upload(context: Context, request: Request, name: str) -> Upload:
    """Send a video as the body; it is probed in a process of its own before it is kept."""
    length = request.headers.get("content-length", "")
    known = int(length) if length.isdecimal() else None
    upload_id = await context.uploads.receive(name, request.stream(), known)
    path = context.uploads.path_of(upload_id)
    return Upload(upload_id=upload_id, name=path.name, size_bytes=path.stat().st_size)
