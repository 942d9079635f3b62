"""One poller for a process, and streams of its messages for any number of clients."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

from schemas.errors import VaengineError
from schemas.storage.backend import StorageBackend
from vaengine.server.collection.index import CollectionIndex
from vaengine.server.events.messages import (
    KEEP_ALIVE,
    RETRY,
    events_message,
    message,
    progress_of,
    ready_events,
)

log = logging.getLogger(__name__)

INTERVAL_S: Final = 0.5  # between two messages
KEEP_ALIVE_S: Final = 15.0
EVENT_PAGE: Final = 500  # events of one message
KEPT_MESSAGES: Final = 240  # two minutes of them: who is slower than that begins again


class EventHub:
    """Reads new events of the store and the progress of runs, and streams both.

    Events have the numbers of the store, so a client that reconnects, also to a restarted server, gets all
    that it has missed and nothing twice. Progress has no number: only the newest counts. `run` is the one
    poller; `stream` is for any number of clients, of which a slow one holds up nobody.
    """

    def __init__(
        self,
        reader: Callable[[], StorageBackend],
        collection: CollectionIndex,
        stopping: asyncio.Event,
    ) -> None:
        self._reader, self._collection, self._stopping = reader, collection, stopping
        self._messages: deque[bytes] = deque(maxlen=KEPT_MESSAGES)
        self._sent = 0  # messages so far, also those that are not kept any more
        self._news = asyncio.Event()
        self._newest: int | None = None  # number of the newest event that was told
        self._gap_since: float | None = None
        self._progress: dict[str, Any] | None = None
        self._fault: str | None = None
        self._streams = 0

    @property
    def streams(self) -> int:
        """How many clients listen."""
        return self._streams

    async def run(self) -> None:
        """Poll until the server stops."""
        keeping_alive = asyncio.create_task(self._keep_alive())
        while not self._stopping.is_set():
            await self._poll()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), INTERVAL_S)
        keeping_alive.cancel()
        self._wake()

    async def _keep_alive(self) -> None:
        """A message now and then where there is none, also while the store does not answer."""
        while True:
            before = self._sent
            await asyncio.sleep(KEEP_ALIVE_S)
            if self._sent == before:
                self._tell([KEEP_ALIVE])

    async def stream(self, last_number: int | None) -> AsyncIterator[bytes]:
        """The messages for one client; with the number that it has seen last, what it has missed first."""
        self._streams += 1
        try:
            yield RETRY
            while not self._progress and not self._stopping.is_set():  # it comes last in a look at the store
                await self._news.wait()
            position, newest = self._sent, self._newest or 0
            number = newest if last_number is None or last_number > newest else last_number
            begin = "reset" if last_number is not None and last_number > newest else "hello"
            yield message(begin, {"number": number, "progress": self._progress}, number)
            async for page in self._missed(number, newest):
                yield page
            async for each in self._live(position):
                yield each
        finally:
            self._streams -= 1

    async def _live(self, position: int) -> AsyncIterator[bytes]:
        while not self._stopping.is_set():
            if self._sent == position:
                await self._news.wait()
                continue
            behind = self._sent - position
            if behind > len(self._messages):
                return  # too slow: the client reconnects and is given what it has missed
            yield b"".join(self._messages[index] for index in range(-behind, 0))
            position += behind

    async def _missed(self, number: int, newest: int) -> AsyncIterator[bytes]:
        while number < newest and not self._stopping.is_set():
            found = await asyncio.to_thread(self._reader().events_after, number, EVENT_PAGE)
            events = [one for one in found if one.number <= newest]
            if not events:
                return
            yield await asyncio.to_thread(self._encoded, events, number)
            number = events[-1].number

    async def _poll(self) -> None:
        try:
            told = await asyncio.to_thread(self._read)
            self._fault = None
        except VaengineError as error:
            if str(error) != self._fault:
                log.warning("events: %s", error)
                told = [message("fault", {"what": str(error)})]
                self._fault = str(error)
            else:
                told = []
        if told:
            self._tell(told)

    def _tell(self, messages: list[bytes]) -> None:
        self._messages.extend(messages)
        self._sent += len(messages)
        self._wake()

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    def _read(self) -> list[bytes]:
        """The messages about what has changed since the last look; runs in a thread of its own."""
        store, told = self._reader(), []
        if self._newest is None:
            self._newest = store.newest_event()
        found = store.events_after(self._newest, EVENT_PAGE)
        events = ready_events(found, self._newest, self._waited_s(bool(found)))
        if events:
            told.append(self._encoded(events, self._newest))
            self._newest, self._gap_since = events[-1].number, None
        progress = progress_of(self._collection.current())
        if progress != self._progress:
            self._progress = progress
            told.append(message("progress", progress))
        return told

    def _waited_s(self, is_there: bool) -> float:
        if not is_there:
            self._gap_since = None
            return 0.0
        now = time.monotonic()
        self._gap_since = now if self._gap_since is None else self._gap_since
        return now - self._gap_since

    def _encoded(self, events: Any, after: int) -> bytes:
        jobs = self._reader().jobs(job_ids=sorted({one.event.job_id for one in events}))
        return events_message(events, after, {job.job_id: job.video_id for job in jobs})
