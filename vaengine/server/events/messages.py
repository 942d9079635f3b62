"""Messages of server-sent events as bytes, and which numbered events are ready to be told, or the newest."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from schemas.storage.backend import JobControls
from schemas.work.job_event import NumberedEvent
from vaengine.reporting.run_states import RunState
from vaengine.server.collection.index import Snapshot
from vaengine.server.collection.overview import states_of

RETRY_MS: Final = 500
GAP_S: Final = 10.0  # for which an event is waited for whose number is lower than that of one that is there

RETRY: Final = f"retry: {RETRY_MS}\n\n".encode()
KEEP_ALIVE: Final = b": alive\n\n"


def message(name: str, data: Mapping[str, Any], number: int | None = None) -> bytes:
    """One message; with a number it is where a client goes on that lost its connection."""
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"), default=str)
    id_line = "" if number is None else f"id: {number}\n"
    return f"{id_line}event: {name}\ndata: {text}\n\n".encode()


def ready_events(found: Sequence[NumberedEvent], after: int, waited_s: float) -> tuple[NumberedEvent, ...]:
    """The events that follow `after` without a gap; all of them once a gap was waited for.

    A transaction that takes long may show its events later than others that got higher numbers.
    """
    if waited_s >= GAP_S:
        return tuple(found)
    return tuple(one for at, one in enumerate(found, start=after + 1) if one.number == at)


def events_message(events: Sequence[NumberedEvent], after: int, videos: Mapping[str, str]) -> bytes:
    """Events in one message, all that there are after `after` and up to the number of the last.

    `videos` are the ids of videos by those of jobs.
    """
    told = [event_data(one, videos) for one in events]
    last = events[-1].number
    return message("jobs", {"after": after, "last": last, "events": told}, last)


def event_data(one: NumberedEvent, videos: Mapping[str, str]) -> dict[str, Any]:
    """An event as messages have it; `videos` are the ids of videos by those of jobs."""
    return {
        "number": one.number,
        "at": one.event.at.isoformat(),
        "name": one.event.name,
        "pipeline": one.event.pipeline,
        "job_id": one.event.job_id,
        "video_id": videos.get(one.event.job_id),
    }


def newest_events(store: JobControls, limit: int) -> list[NumberedEvent]:
    """The last `limit` events of a store, the oldest of them first, also where numbers have gaps."""
    newest, span = store.newest_event(), limit
    while True:
        found = store.events_after(max(0, newest - span), span)
        if len(found) >= limit or span >= newest:
            return found[-limit:]
        span *= 4


def progress_of(collection: Snapshot) -> dict[str, Any]:
    """What a page shows of the moment: videos and hours by state, runs at work with pace and pipelines."""
    states = states_of(collection)
    return {
        "videos": {state: one.videos for state, one in states.items()},
        "hours": {state: round(one.hours, 6) for state, one in states.items()},
        "runs": [_run_data(run) for run in collection.live_runs],
        "newest_event": collection.newest_event,
    }


def _run_data(run: RunState) -> dict[str, Any]:
    lanes = run.snapshot.pipelines if run.snapshot else {}
    return {
        "batch_id": run.batch.batch_id,
        **{name: value for name, value in run.data().items() if name != "silent_s"},
        "lanes": [{"pipeline": name, **asdict(lane)} for name, lane in lanes.items()],
    }
