"""A real server on the loopback: kills and restarts, slow clients, many requests, large uploads, its end."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

import httpx
import pytest

import vaengine
from actors.stores import open_store
from schemas.work.job_event import Control
from tests.support.servers.vaengine_server import RunningServer, free_port, run_vaengine, serving
from tests.support.stores.served import PENDING, TOKEN, fill

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]
END_AT_ONCE_S = 30.0  # with much room for a busy machine: who waits for a stream waits without end


@pytest.fixture
def db(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/batch_processing.db"
    with closing(open_store(url)) as store:
        fill(store)
    return url


@pytest.fixture
def server(db: str, tmp_path: Path) -> Iterator[RunningServer]:
    with serving(db, tmp_path, free_port(), "--max-upload", "64") as running:
        yield running


def _toggle(db: str, times: int, pause_s: float = 0.0) -> None:
    """Events, one for each time."""
    with closing(open_store(db)) as store:
        job_ids = [job.job_id for job in store.jobs_of([PENDING.video_id])]
        for number in range(times):
            store.request(job_ids, Control.PAUSE if number % 2 == 0 else None)
            time.sleep(pause_s)


def _numbers(client: vaengine.Client, after: int, count: int) -> list[int]:
    """The numbers of the next events."""
    numbers = (
        one["number"]
        for message in client.events(after)
        if message.name == "jobs"
        for one in message.data["events"]
    )
    return list(islice(numbers, count))


def test_no_event_is_lost_or_doubled_while_the_server_is_killed_and_comes_back(
    db: str, tmp_path: Path
) -> None:
    port, count = free_port(), 60
    with closing(open_store(db)) as store:
        first = store.newest_event()
    found: list[int] = []
    with vaengine.Client(f"http://127.0.0.1:{port}", token=TOKEN) as client:
        follower = threading.Thread(target=lambda: found.extend(_numbers(client, first, count)), daemon=True)
        with serving(db, tmp_path, port) as server:
            follower.start()
            writer = threading.Thread(target=_toggle, args=(db, count, 0.1))
            writer.start()
            time.sleep(1)
            server.kill()
        with serving(db, tmp_path, port):
            writer.join()
            follower.join(120)
    assert found == list(range(first + 1, first + 1 + count))


def test_the_server_ends_at_once_with_streams_open_and_gives_its_port_back(
    server: RunningServer, db: str, tmp_path: Path
) -> None:
    with vaengine.Client(server.url, token=TOKEN) as client:
        assert next(client.events()).name == "hello"
        begun = time.monotonic()
        assert server.stop() == 143
        assert time.monotonic() - begun < END_AT_ONCE_S
    with serving(db, tmp_path, int(server.url.rpartition(":")[2])) as again:
        assert again.stop() == 143


def test_a_port_that_is_taken_is_said_in_one_line(server: RunningServer, db: str, tmp_path: Path) -> None:
    port = server.url.rpartition(":")[2]
    ended = run_vaengine("serve", "--db", db, "--out", str(tmp_path), "--port", port)
    assert ended.returncode == 2
    assert "cannot be served" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_clients_that_read_nothing_or_send_byte_by_byte_hold_up_nobody(
    server: RunningServer, db: str
) -> None:
    host, port = "127.0.0.1", int(server.url.rpartition(":")[2])
    idle = [socket.create_connection((host, port)) for _ in range(100)]
    for number, one in enumerate(idle):
        half = b"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1\r\n" + (b"\r\n" if number % 2 else b"X: ")
        one.sendall(half)
    _toggle(db, 50)
    with vaengine.Client(server.url, token=TOKEN) as client:
        assert len(list(client.videos())) == 3
    for one in idle:
        one.close()


def test_an_upload_beyond_the_limit_is_refused_and_leaves_nothing(
    server: RunningServer, tmp_path: Path
) -> None:
    headers = {"authorization": f"Bearer {TOKEN}"}
    part = b"\0" * 2**20

    def gigabyte() -> Iterator[bytes]:
        for _ in range(1024):
            yield part

    try:
        answer = httpx.put(
            f"{server.url}/api/uploads/big.mp4", content=gigabyte(), headers=headers, timeout=120
        )
        assert answer.status_code == 413
    except (httpx.WriteError, httpx.ReadError, httpx.RemoteProtocolError):
        pass  # the server has hung up while there was more to send
    assert [path for path in (tmp_path / "uploads").rglob("*") if path.is_file()] == []
    assert httpx.get(f"{server.url}/api/health").is_success


def test_ten_thousand_requests_are_all_answered(server: RunningServer) -> None:
    statuses: dict[int, int] = {}
    with httpx.Client(base_url=server.url, timeout=60) as client:
        for number in range(10_000):
            path = "/api/health" if number % 10 else "/api/videos?limit=1"
            code = client.get(path).status_code
            statuses[code] = statuses.get(code, 0) + 1
    assert statuses == {200: 10_000}


def test_a_server_with_an_engine_ends_at_once_with_a_stream_open(db: str, tmp_path: Path) -> None:
    with (
        serving(db, tmp_path, free_port(), "--work") as server,
        vaengine.Client(server.url, token=TOKEN) as client,
    ):
        stream = client.events()
        assert next(stream).name == "hello"
        begun = time.monotonic()
        assert server.stop() == 143
        assert time.monotonic() - begun < END_AT_ONCE_S


def test_a_submitted_batch_is_run_by_the_servers_own_engine(tmp_path: Path) -> None:
    db = f"sqlite:///{tmp_path}/batch_processing.db"
    clip = Path("../shared/media/video/torchcodec_h265_video.mp4")
    with (
        serving(db, tmp_path, free_port(), "--work") as server,
        vaengine.Client(server.url, token=TOKEN) as client,
    ):
        batch_id = client.submit(uploads=[client.upload(clip)], preset="embedded", pipelines=["scene"])
        ended = next(
            event
            for event in client.events(0)
            if any(one["name"] == "completed" for one in event.data.get("events", ()))
        )
        assert ended.number
        deadline = time.monotonic() + 120
        while client.batch(batch_id)["batch"]["submission"] != "ended" and time.monotonic() < deadline:
            time.sleep(0.5)
        assert client.batch(batch_id)["batch"]["state"] == "completed"
        [video] = client.videos()
        assert (video["name"], video["status"]) == (clip.name, "completed")
        assert server.stop() == 143
