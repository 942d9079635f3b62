"""Benchmark of the server: 200 clients of the event stream and 50 requests a second, for a minute."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any, Final

import psutil

from actors.stores import open_store
from bench.fixtures.served_collection import make_collection
from bench.harness.page_server import TOKEN
from bench.harness.report import table
from schemas.work.job_event import Control

TITLE = "The server"
CLIENTS: Final = 200
REQUESTS_PER_S: Final = 50.0
SECONDS: Final = 60.0
QUICK_SECONDS: Final = 10.0
VIDEOS: Final = 2_000
QUICK_VIDEOS: Final = 200
EVENT_INTERVAL_S: Final = 0.5
PATHS: Final = ("/api/videos?limit=50", "/api/overview", "/api/batches", "/api/health")
START_S: Final = 240.0


@dataclass
class Load:
    """What clients saw: seconds of requests, seconds from an event to its message, numbers of events."""

    requests_s: list[float] = field(default_factory=list)
    failed: int = 0
    events_s: list[float] = field(default_factory=list)
    numbers: list[list[int]] = field(default_factory=list)


def measure(rounds: int, *, quick: bool = False) -> dict[str, Any]:
    """Processor seconds of the server, latencies and lost events; one round, whatever `rounds` says."""
    seconds, videos = (QUICK_SECONDS, QUICK_VIDEOS) if quick else (SECONDS, VIDEOS)
    with tempfile.TemporaryDirectory(prefix="vaengine-bench-") as name:
        url = f"sqlite:///{name}/batch_processing.db"
        job_ids = make_collection(url, videos)
        port = _free_port()
        command = [sys.executable, "-m", "vaengine", "serve", "--db", url, "--out", name, "--port", str(port)]
        server = subprocess.Popen(
            command, env={**os.environ, "VAENGINE_TOKEN": TOKEN}, stdout=subprocess.DEVNULL
        )
        try:
            _wait_for(port)
            return {
                "videos": videos,
                "seconds": seconds,
                **_measured(server.pid, port, url, job_ids[0], seconds),
            }
        finally:
            server.terminate()
            server.wait()


def _measured(pid: int, port: int, url: str, job_id: str, seconds: float) -> dict[str, Any]:
    process, load = psutil.Process(pid), Load()
    written: dict[int, float] = {}
    began = process.cpu_times()
    stop = threading.Event()
    writer = threading.Thread(target=_write_events, args=(url, job_id, written, stop))
    with closing(open_store(url, read_only=True)) as store:
        first = store.newest_event()
    writer.start()
    asyncio.run(_load(port, seconds, load, written))
    stop.set()
    writer.join()
    ended = process.cpu_times()
    cpu_s = ended.user + ended.system - began.user - began.system
    return {
        "cpu_s": cpu_s,
        "cores": cpu_s / seconds,
        "memory_bytes": process.memory_info().rss,
        "clients": len(load.numbers),
        "events": sum(map(len, load.numbers)),
        "lost_or_doubled": sum(_faults(numbers, first) for numbers in load.numbers),
        "clients_without_events": sum(not numbers for numbers in load.numbers),
        "event_s": _quantiles(load.events_s),
        "requests": len(load.requests_s),
        "failed": load.failed,
        "request_s": _quantiles(load.requests_s),
    }


def _write_events(url: str, job_id: str, written: dict[int, float], stop: threading.Event) -> None:
    """An event of the store now and then, with the time at which each number was there."""
    with closing(open_store(url)) as store:
        control: Control | None = Control.PAUSE
        while not stop.wait(EVENT_INTERVAL_S):
            store.request([job_id], control)
            written[store.newest_event()] = time.time()
            control = None if control else Control.PAUSE


async def _load(port: int, seconds: float, load: Load, written: Mapping[int, float]) -> None:
    until = time.monotonic() + seconds
    clients = [asyncio.create_task(_follow(port, until, load, written)) for _ in range(CLIENTS)]
    requests, number = [], 0
    while time.monotonic() < until - 1:
        requests.append(asyncio.create_task(_request(port, PATHS[number % len(PATHS)], load)))
        number += 1
        await asyncio.sleep(1 / REQUESTS_PER_S)
    await asyncio.gather(*clients, *requests)


async def _follow(port: int, until: float, load: Load, written: Mapping[int, float]) -> None:
    reader, writer = await _asked(port, "/api/events")
    numbers: list[int] = []
    load.numbers.append(numbers)
    while (left := until - time.monotonic()) > 0:
        try:
            line = await asyncio.wait_for(reader.readline(), left)
        except TimeoutError:
            break
        if not line:
            load.failed += 1
            break
        if line.startswith(b"data: ") and b'"events"' in line:
            now = time.time()
            for event in json.loads(line[6:])["events"]:
                numbers.append(event["number"])
                if event["number"] in written:
                    load.events_s.append(max(0.0, now - written[event["number"]]))
    writer.close()


async def _request(port: int, path: str, load: Load) -> None:
    began = time.perf_counter()
    try:
        reader, writer = await _asked(port, path)
        answer = await asyncio.wait_for(reader.read(), 60)
        writer.close()
    except (OSError, TimeoutError):
        load.failed += 1
        return
    load.requests_s.append(time.perf_counter() - began)
    load.failed += b" 200 " not in answer[:20]


async def _asked(port: int, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
    await writer.drain()
    return reader, writer


def _faults(numbers: Sequence[int], first: int) -> int:
    """How many events are missing or doubled between the first and the last that a client saw."""
    if not numbers:
        return 0
    expected = list(range(numbers[0], numbers[-1] + 1))
    return abs(len(expected) - len(numbers)) + (list(numbers) != expected) + (numbers[0] <= first)


def _quantiles(values: Sequence[float]) -> dict[str, float | None]:
    if len(values) < 2:
        return {"p50": None, "p95": None, "max": None}
    parts = statistics.quantiles(values, n=20)
    return {"p50": parts[9], "p95": parts[18], "max": max(values)}


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise RuntimeError(f"the server does not answer within {START_S:.0f} s")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def described(measured: Mapping[str, Any]) -> str:
    """The case's table."""
    event, request = measured["event_s"], measured["request_s"]
    rows = [
        [
            "processor",
            f"{measured['cores']:.2f} cores, {measured['cpu_s']:.1f} s in {measured['seconds']:.0f} s",
        ],
        ["memory", f"{measured['memory_bytes'] / 2**20:.0f} MiB"],
        [
            "events",
            f"{measured['events']:,} to {measured['clients']} clients, {measured['lost_or_doubled']} lost",
        ],
        ["clients without any event", f"{measured['clients_without_events']}"],
        ["event to message, p50 and p95", f"{event['p50']:.2f} s, {event['p95']:.2f} s"],
        ["requests", f"{measured['requests']:,}, {measured['failed']} failed"],
        ["request, p50 and p95", f"{request['p50'] * 1e3:.0f} ms, {request['p95'] * 1e3:.0f} ms"],
    ]
    return "\n\n".join(
        [
            f"{CLIENTS} clients of the events and {REQUESTS_PER_S:.0f} requests a second, over "
            f"{measured['videos']:,} videos, with an event each {EVENT_INTERVAL_S} s. Clients and server "
            "share the machine.",
            table(["", ""], rows),
        ]
    )
