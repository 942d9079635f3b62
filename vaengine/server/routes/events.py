"""The stream of events."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header
from fastapi.responses import StreamingResponse

from vaengine.server.context import Context
from vaengine.server.error_answers import declared

router = APIRouter(prefix="/api", tags=["events"])


class EventStream(StreamingResponse):
    """Messages that are encoded already: FastAPI's own response would encode them for each client."""

    media_type = "text/event-stream"


@router.get("/events", response_class=EventStream, responses=declared(401, 422))
async def events(
    context: Context, last_event_id: Annotated[int | None, Header(ge=0, le=2**62)] = None
) -> EventStream:
    """Server-sent events: `jobs` with what happened, `progress` with what is at work.

    `Last-Event-ID` is the id of the last message that has one; what was missed since then comes first.
    `reset` says that the history is another one, so that everything is to be read again.
    """
    return EventStream(
        context.events.stream(last_event_id),
        headers={"cache-control": "no-cache", "x-accel-buffering": "no"},
    )
