"""`vaengine.Client` against the app in this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

import vaengine
from schemas.errors import ServerRefused, ServerUnreachable, UsageError
from tests.support.stores.served import DONE, FAILED, TOKEN, client_of, filled_store, settings_of
from vaengine.api.submission.client import ServerEvent, _events_in


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[vaengine.Client]:
    folder = tmp_path_factory.mktemp("served")
    url = f"sqlite:///{folder}/batch_processing.db"
    with filled_store(url), client_of(settings_of(url, folder)) as app:
        transport = app._transport
        with vaengine.Client("http://127.0.0.1", token=TOKEN, transport=transport) as made:
            yield made


def test_videos_come_page_by_page(client: vaengine.Client) -> None:
    assert [video["video_id"] for video in client.videos(page_size=1, sort="duration", status="failed")] == [
        FAILED.video_id
    ]
    assert len(list(client.videos(page_size=1))) == 3
    assert client.video(DONE.video_id)["video"]["found"]["scenes"] == 2
    assert len(list(client.annotations(DONE.video_id, "person"))) == 11
    assert [line["name"] for line in client.log(FAILED.video_id)] == ["registered", "failed", "failed"]


def test_questions_and_people_are_asked(client: vaengine.Client) -> None:
    assert [one["video_id"] for one in client.query({"find": "person", "limit": 1})] == [DONE.video_id]
    client.edit_people("name", target=f"{DONE.video_id}:person_0001", name="Anna")
    assert [person["name"] for person in client.people()] == ["Anna"]
    assert client.edit_people("undo")["text"].startswith("undone")
    assert client.overview()["figures"]["states"]["failed"]["videos"] == 1


def test_a_batch_is_submitted_and_cancelled(client: vaengine.Client, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"x")
    batch_id = client.submit([str(tmp_path / "a.mp4")], preset="embedded", pipelines=["scene"])
    assert client.batch(batch_id)["batch"]["state"] == "waiting"
    client.act_on_batch("cancel", batch_id)
    assert {one["batch_id"]: one["state"] for one in client.batches()}[batch_id] == "cancelled"


def test_what_the_server_refuses_is_an_error_with_its_words(client: vaengine.Client, tmp_path: Path) -> None:
    with pytest.raises(ServerRefused, match="video nobody not found") as raised:
        client.video("nobody")
    assert (raised.value.status, raised.value.server_kind) == (404, "not_found")
    (tmp_path / "no.mp4").write_bytes(b"no video")
    with pytest.raises(ServerRefused, match="not a video"):
        client.upload(tmp_path / "no.mp4")
    (tmp_path / "no.txt").write_bytes(b"no video")
    with pytest.raises(ServerRefused, match="no name of a video"):
        client.upload(tmp_path / "no.txt")


def test_a_server_that_is_not_there_is_said_with_what_to_do() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused")

    with closing(
        vaengine.Client("http://127.0.0.1:1", token=TOKEN, transport=httpx.MockTransport(refuse))
    ) as client:
        with pytest.raises(ServerUnreachable, match=r"connection refused.*vaengine serve"):
            client.health()
        assert issubclass(ServerUnreachable, UsageError)


def test_a_request_that_came_too_often_is_sent_again_when_the_server_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("vaengine.api.submission.client._pause", waits.append)
    bodies: list[bytes] = []

    def refuse_twice(request: httpx.Request) -> httpx.Response:
        bodies.append(request.read())
        if len(bodies) <= 2:
            return httpx.Response(429, headers={"retry-after": "7"} if len(bodies) == 1 else {})
        return httpx.Response(201, json={"upload_id": "u1"})

    (tmp_path / "a.mp4").write_bytes(b"a video")
    transport = httpx.MockTransport(refuse_twice)
    with vaengine.Client("http://127.0.0.1", token=TOKEN, transport=transport) as client:
        assert client.upload(tmp_path / "a.mp4") == "u1"
    assert bodies == [b"a video"] * 3
    assert waits == [7.0, 1.0]


def test_messages_are_read_from_lines() -> None:
    lines = [
        "retry: 500",
        "",
        ": alive",
        "",
        "id: 7",
        "event: jobs",
        'data: {"a": 1}',
        "",
        "event: progress",
        "data: {}",
        "",
    ]
    assert list(_events_in(iter(lines))) == [
        ServerEvent("jobs", {"a": 1}, 7),
        ServerEvent("progress", {}, None),
    ]
