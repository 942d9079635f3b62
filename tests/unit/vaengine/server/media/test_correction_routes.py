"""Corrections of boxes over the API: what is shown afterwards, who may, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

import vaengine
from actors.stores import open_store
from schemas.errors import ServerRefused
from tests.support.stores.served import BASE, DONE, FAILED, TOKEN, client_of, filled_store, settings_of
from vaengine.server.middleware.access import Visit, refusal_of

PATH = f"/api/videos/{DONE.video_id}"
WHO: dict[str, Any] = {"kind": "person", "label": "person_0001"}
GONE = {"action": "delete", **WHO, "first": 3, "stop": 5}


@pytest.fixture
def url(tmp_path: Path) -> str:
    address = f"sqlite:///{tmp_path}/batch_processing.db"
    with filled_store(address):
        pass
    return address


@pytest.fixture
def client(url: str, tmp_path: Path) -> Iterator[TestClient]:
    with client_of(settings_of(url, tmp_path)) as opened:
        yield opened


def _review(client: TestClient, **query: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"{PATH}/review", params=query).json()
    return found


def _correct(client: TestClient, *edits: dict[str, Any], **changes: Any) -> Any:
    body = {"revision": _review(client)["revision"], "edits": list(edits), **changes}
    return client.post(f"{PATH}/corrections", json=body)


def _frames(client: TestClient, **query: str) -> list[int]:
    """The stored frames with a box."""
    return sorted(client.get(f"{PATH}/boxes", params=query).json()["frame"])


def test_what_is_shown_is_corrected_and_the_machines_results_can_still_be_seen(client: TestClient) -> None:
    before, first = _frames(client), _review(client)
    answer = _correct(client, GONE)
    assert answer.status_code == 200
    after = _review(client)
    assert (first["is_corrected"], after["is_corrected"]) == (False, True)
    assert answer.json()["revision"] == after["revision"] != first["revision"]
    assert _frames(client) == [frame for frame in before if frame not in (3, 4)]
    assert _frames(client, source="machine") == before
    assert _review(client, source="machine")["revision"] == first["revision"]
    [lane] = [one for one in client.get(f"{PATH}/lanes").json() if one["kind"] == "person"]
    assert [round(bar["start_s"] * 25) for bar in lane["bars"]] == [0, 5]
    assert "corrected by hand" in after["provenance"]


def test_a_correction_is_undone_and_each_is_listed_with_its_edits(client: TestClient) -> None:
    before = _frames(client)
    _correct(client, GONE, annotator="Änne <b>")
    body = {"revision": _review(client)["revision"]}
    assert client.post(f"{PATH}/corrections/undo", json=body).status_code == 200
    assert _frames(client) == before
    undone, made = client.get(f"{PATH}/corrections").json()
    assert (made["annotator"], made["edits"], made["is_current"]) == ("Änne <b>", [GONE], False)
    assert (undone["undoes"], undone["is_current"]) == (made["job_id"], True)
    body = {"revision": _review(client)["revision"]}
    nothing_left = client.post(f"{PATH}/corrections/undo", json=body)
    assert (nothing_left.status_code, nothing_left.json()["error"]["kind"]) == (400, "usage_error")


def test_a_correction_of_stale_results_is_refused_with_what_to_do(client: TestClient) -> None:
    stale = _review(client)["revision"]
    _correct(client, GONE)
    again = _correct(client, {**GONE, "first": 0, "stop": 1}, revision=stale)
    assert again.status_code == 409
    error = again.json()["error"]
    assert (error["kind"], error["cure"]) == (
        "results_changed",
        "look at them again, and correct them again",
    )
    assert len(client.get(f"{PATH}/corrections").json()) == 1


@pytest.mark.parametrize(
    ("edit", "status"),
    [
        ({**GONE, "label": "person_0042"}, 404),
        ({**GONE, "first": 40, "stop": 60}, 404),
        ({**GONE, "first": 100, "stop": 101}, 400),
        ({**GONE, "stop": 3}, 400),
        ({**GONE, "kind": "dog"}, 422),
        ({**GONE, "label": None}, 400),
        ({"action": "delete", "kind": "person", "first": 3, "at": [0, 0, 1, 1]}, 404),
        ({"action": "redraw", **WHO, "frame": 3, "box": [700, 10, 20, 20]}, 400),
        ({"action": "redraw", **WHO, "frame": 3, "box": [10, 10, -20, 20]}, 400),
        ({"action": "redraw", **WHO, "frame": 3, "box": [10, 10, 20]}, 422),
        ({"action": "redraw", **WHO, "frame": 3, "box": [10, 10, 20, 20], "first": 5}, 400),
    ],
)
def test_an_edit_that_cannot_be_is_refused_and_nothing_is_stored(
    client: TestClient, edit: dict[str, Any], status: int
) -> None:
    answer = _correct(client, {**GONE, "first": 0, "stop": 1}, edit)
    assert answer.status_code == status, answer.json()
    assert client.get(f"{PATH}/corrections").json() == []


def test_results_that_are_not_complete_cannot_be_corrected(client: TestClient) -> None:
    path = f"/api/videos/{FAILED.video_id}"
    body = {"revision": client.get(f"{path}/review").json()["revision"], "edits": [GONE]}
    answer = client.post(f"{path}/corrections", json=body)
    assert (answer.status_code, "once it is complete" in answer.text) == (400, True)


def test_correcting_needs_the_token_the_own_page_and_a_server_that_writes(
    client: TestClient, url: str, tmp_path: Path
) -> None:
    body = {"revision": "x", "edits": [GONE]}
    wrong = client.post(f"{PATH}/corrections", json=body, headers={"authorization": "Bearer no"})
    foreign = client.post(f"{PATH}/corrections", json=body, headers={"origin": "http://example.org"})
    assert (wrong.status_code, foreign.status_code) == (401, 403)
    visit = Visit("POST", f"{PATH}/corrections", "127.0.0.1", token=TOKEN)
    refusal = refusal_of(visit, settings_of(url, tmp_path, read_only=True))
    assert refusal is not None
    assert refusal.kind == "read_only"


def test_the_python_client_corrects_lists_and_undoes(client: TestClient) -> None:
    with vaengine.Client(BASE, token=TOKEN, transport=client._transport) as server:
        server.correct(DONE.video_id, [GONE], annotator="Anna")
        assert server.undo_correction(DONE.video_id)["job_id"]
        assert [one["annotator"] for one in server.corrections(DONE.video_id)] == ["", "Anna"]
        with pytest.raises(ServerRefused, match="meanwhile"):
            server.correct(DONE.video_id, [GONE], revision="of yesterday")


def test_a_video_keeps_its_batch_and_its_state_when_it_is_corrected(client: TestClient, url: str) -> None:
    with closing(open_store(url)) as store:
        machine = {job.job_id for job in store.jobs_of([DONE.video_id])}
    before = _figures(client)
    _correct(client, GONE)
    [video] = [one for one in client.get("/api/videos").json()["videos"] if one["video_id"] == DONE.video_id]
    assert (video["job_id"] in machine, video["batch_id"], video["status"]) == (True, "batch-1", "completed")
    assert _figures(client) == before


def _figures(client: TestClient) -> tuple[Any, ...]:
    """What pages say of the collection: of models, whatever people have corrected."""
    rates = client.get("/api/quality").json()["rates"]
    counts = [video["annotations"] for video in client.get("/api/videos").json()["videos"]]
    return rates, counts, sorted(client.get("/api/overview").json()["figures"]["pipelines"])
