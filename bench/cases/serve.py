"""Benchmark of the server, on uvicorn and on Ray Serve: 200 clients of the event stream and 50 requests a
second, for a minute each.
"""

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
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from http.client import HTTPException
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
SERVERS: Final[Mapping[str, tuple[str, ...]]] = {"uvicorn": (), "ray": ("--ray",)}
OWN: Final = "server"  # the process that was started
PARTS: Final = {"ServeReplica": "replica", "ProxyActor": "proxy", "ServeController": "controller"}
REST: Final = "Ray itself"  # its other processes


@dataclass
class Load:
    """What clients saw: seconds of requests, seconds from an event to its message, numbers of events."""

    requests_s: list[float] = field(default_factory=list)
    failed: int = 0
    events_s: list[float] = field(default_factory=list)
    numbers: list[list[int]] = field(default_factory=list)


def measure(rounds: int, *, quick: bool = False) -> dict[str, Any]:
    """Processor seconds of each server, latencies and lost events; one round, whatever `rounds` says."""
    seconds, videos = (QUICK_SECONDS, QUICK_VIDEOS) if quick else (SECONDS, VIDEOS)
    servers = {name: _served(options, seconds, videos) for name, options in SERVERS.items()}
    return {"videos": videos, "seconds": seconds, "servers": servers}


def _served(options: Sequence[str], seconds: float, videos: int) -> dict[str, Any]:
    """A server over a collection of its own, started anew."""
    with tempfile.TemporaryDirectory(prefix="vaengine-bench-") as name:
        url, port = f"sqlite:///{name}/batch_processing.db", _free_port()
        job_ids = make_collection(url, videos)
        where = ["--db", url, "--out", name, "--port", str(port)]
        command = [sys.executable, "-m", "vaengine", "serve", *where, *options]
        server = subprocess.Popen(
            command, env={**os.environ, "VAENGINE_TOKEN": TOKEN}, stdout=subprocess.DEVNULL
        )
        try:
            _wait_for(port)
            return _measured(server.pid, port, url, job_ids[0], seconds)
        finally:
            server.terminate()
            server.wait()


def _measured(pid: int, port: int, url: str, job_id: str, seconds: float) -> dict[str, Any]:
    process, load = psutil.Process(pid), Load()
    written: dict[int, float] = {}
    began = _used(process)
    stop = threading.Event()
    writer = threading.Thread(target=_write_events, args=(url, job_id, written, stop))
    with closing(open_store(url, read_only=True)) as store:
        first = store.newest_event()
    writer.start()
    asyncio.run(_load(port, seconds, load, written))
    stop.set()
    writer.join()
    cpu_s = {part: used.cpu_s - began[part].cpu_s for part, used in _used(process).items()}
    return {
        "cpu_s": cpu_s,
        "memory_bytes": {part: used.memory_bytes for part, used in _used(process).items()},
        "clients": len(load.numbers),
        "events": sum(map(len, load.numbers)),
        "lost_or_doubled": sum(_faults(numbers, first) for numbers in load.numbers),
        "clients_without_events": sum(not numbers for numbers in load.numbers),
        "event_s": _quantiles(load.events_s),
        "requests": len(load.requests_s),
        "failed": load.failed,
        "request_s": _quantiles(load.requests_s),
    }


@dataclass
class Used:
    """What the processes of one part of a server have used."""

    cpu_s: float = 0.0
    memory_bytes: int = 0


def _used(server: psutil.Process) -> defaultdict[str, Used]:
    """What each part has used so far; the processes of the measured minute all live until its end."""
    found: defaultdict[str, Used] = defaultdict(Used)
    for process in (server, *server.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            times, used = process.cpu_times(), found[_part(process, server)]
            used.cpu_s += times.user + times.system
            used.memory_bytes += process.memory_info().rss
    return found


def _part(process: psutil.Process, server: psutil.Process) -> str:
    if process == server:
        return OWN
    title = " ".join(process.cmdline())
    return next((part for name, part in PARTS.items() if f"ray::{name}" in title), REST)


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
        with (
            suppress(OSError, HTTPException),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/api/ready", timeout=30),
        ):
            return
        time.sleep(0.1)
    raise RuntimeError(f"the server does not answer within {START_S:.0f} s")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def described(measured: Mapping[str, Any]) -> str:
    """The case's table."""
    servers = measured["servers"]
    rows = [
        [what, *(tell(servers[name], measured["seconds"]) for name in servers)]
        for what, tell in (
            ("processor", _cores),
            ("memory", _memory),
            ("events", lambda one, _: f"{one['events']:,} to {one['clients']} clients"),
            ("events lost or doubled", lambda one, _: f"{one['lost_or_doubled']}"),
            ("clients without any event", lambda one, _: f"{one['clients_without_events']}"),
            ("event to message, p50 and p95", lambda one, _: _times(one["event_s"])),
            ("requests", lambda one, _: f"{one['requests']:,}, {one['failed']} failed"),
            ("request, p50 and p95", lambda one, _: _times(one["request_s"])),
        )
    ]
    return "\n\n".join(
        [
            f"{CLIENTS} clients of the events and {REQUESTS_PER_S:.0f} requests a second, for "
            f"{measured['seconds']:.0f} s, over {measured['videos']:,} videos, with an event each "
            f"{EVENT_INTERVAL_S} s. Clients and server share the machine. Parts of Ray Serve are told apart.",
            table(["", *servers], rows),
        ]
    )


def _cores(measured: Mapping[str, Any], seconds: float) -> str:
    cores = {part: cpu_s / seconds for part, cpu_s in measured["cpu_s"].items()}
    return _parts(cores, lambda one: f"{one:.2f}") + " of a core"


def _memory(measured: Mapping[str, Any], _: float) -> str:
    return _parts(measured["memory_bytes"], lambda one: f"{one / 2**20:.0f}") + " MiB"


def _parts(values: Mapping[str, float], form: Callable[[float], str]) -> str:
    if len(values) == 1:
        return form(*values.values())
    return ", ".join(f"{part} {form(value)}" for part, value in sorted(values.items(), key=_order))


def _order(part: tuple[str, float]) -> int:
    return [*PARTS.values(), OWN, REST].index(part[0])


def _times(seconds: Mapping[str, float]) -> str:
    return f"{seconds['p50'] * 1e3:.0f} ms, {seconds['p95'] * 1e3:.0f} ms"
