"""The stream of events, and the newest ones."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from vaengine.server.context import Context, Reader
from vaengine.server.error_answers import declared
from vaengine.server.events.messages import event_data, newest_events

router = APIRouter(prefix="/api", tags=["events"])


MAX_RECENT: Final = 500


class RecentEvent(BaseModel):
    """One event as the stream tells it; `number` is its place in the store's own order, `at` is UTC."""

    number: int
    at: str
    name: str
    pipeline: str | None
    job_id: str
    video_id: str | None


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


@router.get("/events/recent", responses=declared(401, 404, 422, 503))
def recent_events(
    store: Reader, limit: Annotated[int, Query(ge=1, le=MAX_RECENT)] = 100
) -> list[RecentEvent]:
    """The last events, the newest first."""
    events = newest_events(store, limit)
    jobs = store.jobs(job_ids=sorted({one.event.job_id for one in events}))
    videos = {job.job_id: job.video_id for job in jobs}
    return [RecentEvent(**event_data(one, videos)) for one in reversed(events)]
