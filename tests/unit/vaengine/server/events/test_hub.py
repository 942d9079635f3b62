"""One poller for any number of clients: who comes late, who comes again, who is slow."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from schemas.storage.backend import StorageBackend
from schemas.work.job_event import Control
from tests.support.stores.served import PENDING, filled_store
from vaengine.server.collection.index import CollectionIndex
from vaengine.server.events import hub as hub_module
from vaengine.server.events.hub import EventHub


def _told(block: bytes) -> tuple[str, Any]:
    lines = dict(line.split(": ", 1) for line in block.decode().strip().split("\n"))
    return lines.get("event", ""), json.loads(lines["data"]) if "data" in lines else lines


async def _next(stream: AsyncIterator[bytes], name: str) -> Any:
    while True:
        block = await asyncio.wait_for(anext(stream), 20)
        for event, data in map(_told, block.strip().split(b"\n\n")):
            if event == name:
                return data


def _hub(store: StorageBackend) -> tuple[EventHub, asyncio.Event]:
    stopping = asyncio.Event()
    return EventHub(lambda: store, CollectionIndex(lambda: store), stopping), stopping


def _pause(store: StorageBackend, control: Control | None) -> None:
    store.request([job.job_id for job in store.jobs_of([PENDING.video_id])], control)


def test_a_new_client_gets_the_state_then_what_happens(tmp_path: Path) -> None:
    async def follow(store: StorageBackend) -> None:
        hub, stopping = _hub(store)
        poller = asyncio.create_task(hub.run())
        stream = hub.stream(None)
        assert await anext(stream) == b"retry: 500\n\n"
        hello = await _next(stream, "hello")
        assert hello["number"] == store.newest_event()
        assert hello["progress"]["videos"] == {"pending": 1, "completed": 1, "failed": 1}
        assert hello["progress"]["hours"] == {"pending": 0.000556, "completed": 0.001111, "failed": 0.002778}
        assert [run["lanes"] for run in hello["progress"]["runs"]] == [[]]
        _pause(store, Control.PAUSE)
        jobs = await _next(stream, "jobs")
        assert (jobs["after"], jobs["last"]) == (hello["number"], hello["number"] + 1)
        assert [(one["name"], one["video_id"]) for one in jobs["events"]] == [("pause", PENDING.video_id)]
        assert hub.streams == 1
        stopping.set()
        assert [block async for block in stream if b"event" not in block] == []
        await poller
        assert hub.streams == 0

    with filled_store(f"sqlite:///{tmp_path}/s.db") as store:
        asyncio.run(follow(store))


def test_a_client_that_comes_again_gets_what_it_missed_once(tmp_path: Path) -> None:
    async def follow(store: StorageBackend) -> None:
        hub, stopping = _hub(store)
        poller = asyncio.create_task(hub.run())
        newest = store.newest_event()
        stream = hub.stream(2)
        missed = await _next(stream, "jobs")
        assert (missed["after"], missed["last"]) == (2, newest)
        assert [one["number"] for one in missed["events"]] == list(range(3, newest + 1))
        _pause(store, Control.PAUSE)
        assert (await _next(stream, "jobs"))["after"] == newest
        stopping.set()
        await poller
        await stream.aclose()  # type: ignore[attr-defined]

    with filled_store(f"files:{tmp_path}") as store:
        asyncio.run(follow(store))


def test_a_client_of_another_history_is_told_to_begin_again(tmp_path: Path) -> None:
    async def follow(store: StorageBackend) -> None:
        hub, stopping = _hub(store)
        poller = asyncio.create_task(hub.run())
        stream = hub.stream(10_000)
        assert (await _next(stream, "reset"))["number"] == store.newest_event()
        stopping.set()
        await poller
        await stream.aclose()  # type: ignore[attr-defined]

    with filled_store(f"sqlite:///{tmp_path}/s.db") as store:
        asyncio.run(follow(store))


def test_a_client_that_is_too_slow_is_let_go_and_holds_up_nobody(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(hub_module, "INTERVAL_S", 0.01)

    async def follow(store: StorageBackend) -> None:
        hub, stopping = _hub(store)
        poller = asyncio.create_task(hub.run())
        slow = hub.stream(None)
        await _next(slow, "hello")
        hub._messages = type(hub._messages)(maxlen=2)
        for control in (Control.PAUSE, None, Control.PAUSE, None):
            before = hub._sent
            _pause(store, control)
            async with asyncio.timeout(20):
                while hub._sent == before:
                    await asyncio.sleep(0.01)
        assert [block async for block in slow] == []
        stopping.set()
        await poller

    with filled_store(f"sqlite:///{tmp_path}/s.db") as store:
        asyncio.run(follow(store))


def test_a_client_hears_something_though_the_store_does_not_answer(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(hub_module, "KEEP_ALIVE_S", 0.05)

    async def follow(store: StorageBackend) -> None:
        hub, stopping = _hub(store)
        poller = asyncio.create_task(hub.run())
        stream = hub.stream(None)
        await _next(stream, "hello")
        answers = threading.Event()
        monkeypatch.setattr(store, "events_after", lambda *_: answers.wait(20) and [])
        async with asyncio.timeout(20):
            while await anext(stream) != b": alive\n\n":
                pass
        answers.set()
        stopping.set()
        await poller
        await stream.aclose()  # type: ignore[attr-defined]

    with filled_store(f"sqlite:///{tmp_path}/s.db") as store:
        asyncio.run(follow(store))
