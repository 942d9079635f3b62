"""The app over a made-up store, in this process: what it answers, and what it refuses."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from schemas.work.submission import Submission, SubmissionState
from tests.support.stores.served import (
    CLIPS,
    DONE,
    FAILED,
    PENDING,
    TOKEN,
    client_of,
    filled_store,
    settings_of,
)
from vaengine.server.app import make_app
from vaengine.server.middleware.guard import COOKIE, HEADERS

KINDS = {"sqlite": "sqlite:///{}/batch_processing.db", "files": "files:{}"}


@pytest.fixture(scope="module", params=KINDS)
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[TestClient, Any]]:
    folder = tmp_path_factory.mktemp("served")
    url = KINDS[request.param].format(folder)
    with filled_store(url) as store, client_of(settings_of(url, folder)) as client:
        yield client, store


@pytest.fixture(scope="module")
def client(served: tuple[TestClient, Any]) -> TestClient:
    return served[0]


def _error(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    error: dict[str, Any] = answer.json()["error"]
    assert error["where"].startswith(f"{answer.request.method} /")
    return error


def test_videos_are_listed_with_state_counts_and_facets(client: TestClient) -> None:
    listed = client.get("/api/videos").json()
    assert [video["video_id"] for video in listed["videos"]] == [
        PENDING.video_id,
        DONE.video_id,
        FAILED.video_id,
    ]
    done = listed["videos"][1]
    assert (done["status"], done["duration_s"], done["annotations"]) == ("completed", 4.0, 13)
    assert (done["found"]["scenes"], done["found"]["persons"], done["found"]["faces"]) == (2, 1, None)
    assert listed["total"] == 3
    assert listed["facets"]["status"] == {"pending": 1, "completed": 1, "failed": 1}
    assert listed["facets"]["failure"] == {"truncated": 1}


@pytest.mark.parametrize(
    "sort", ["name", "path", "duration", "status", "annotations", "created", "completed", "size"]
)
@pytest.mark.parametrize("descending", [False, True])
def test_pages_follow_each_other_without_gap_or_repetition(
    client: TestClient, sort: str, descending: bool
) -> None:
    seen, page = [], None
    while True:
        given = {"sort": sort, "descending": descending, "limit": 1, **({"page": page} if page else {})}
        answer = client.get("/api/videos", params=given).json()
        seen += [video["video_id"] for video in answer["videos"]]
        page = answer["next_page"]
        if page is None:
            break
    whole = client.get("/api/videos", params={"sort": sort, "descending": descending}).json()["videos"]
    assert seen == [video["video_id"] for video in whole]
    assert len(set(seen)) == len(CLIPS)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"text": "GARDEN"}, [DONE]),
        ({"status": ["failed", "pending"]}, [PENDING, FAILED]),
        ({"failure": "truncated"}, [FAILED]),
        ({"pipeline": "scene", "min_duration_s": 3}, [DONE, FAILED]),
        ({"max_duration_s": 3}, [PENDING]),
        ({"batch": "no such"}, []),
        ({"warning": True}, []),
        ({"text": "<script>"}, [FAILED]),
    ],
)
def test_videos_are_filtered(client: TestClient, wanted: dict[str, Any], found: list[Any]) -> None:
    videos = client.get("/api/videos", params=wanted).json()["videos"]
    assert [video["video_id"] for video in videos] == [clip.video_id for clip in found]


@pytest.mark.parametrize(
    "page", ["x", "W10", "ä", "bnVsbA", "W1tbW1tbW1tb", "WyJuYW1lIiwgdHJ1ZSwgMSwgIngiXQ"]
)
def test_a_page_that_nobody_gave_is_refused(client: TestClient, page: str) -> None:
    assert "page" in _error(client.get("/api/videos", params={"page": page}), 400)["what"]


def test_a_video_its_results_and_its_log_are_answered(client: TestClient) -> None:
    details = client.get(f"/api/videos/{DONE.video_id}").json()
    assert [(one["pipeline"], one["annotations"], one["is_current"]) for one in details["results"]] == [
        ("person_tracking", 11, True),
        ("scene_detection", 2, True),
    ]
    rows = client.get(f"/api/videos/{DONE.video_id}/results/scene", params={"limit": 1}).json()
    assert (len(rows["rows"]), rows["total"], rows["next_offset"]) == (1, 2, 1)
    assert rows["rows"][0]["end_seconds"] == 2.0
    log = client.get(f"/api/videos/{FAILED.video_id}/log").json()
    assert [line["name"] for line in log] == ["registered", "failed", "failed"]


@pytest.mark.parametrize(
    "path",
    [
        "/api/videos/nobody",
        "/api/videos/..%2f..%2fetc%2fpasswd",
        "/api/videos/nobody/log",
        "/api/videos/nobody/results/scene",
        "/api/batches/nobody",
        "/api/people/nobody",
        "/static/..%2f..%2fapp.py",
        "/static/%2e%2e/app.py",
        "/nothing",
    ],
)
def test_what_is_not_there_is_said_in_the_one_form(client: TestClient, path: str) -> None:
    assert _error(client.get(path), 404)["what"]


def test_a_name_of_a_video_is_never_taken_for_a_path(client: TestClient, tmp_path: Path) -> None:
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(b"x")
    for named in (str(secret), "/etc/passwd", "../secret"):
        assert client.post("/api/similar", json={"named": named}).status_code == 400
        find = {"kind": "face", "similar": {"image": named}}
        for document in (
            {"find": find},
            {"find": "scene", "where": [{"not": {"relation": "overlaps", "to": find}}]},
        ):
            assert "file of the server" in _error(client.post("/api/query", json=document), 400)["what"]
        edit = {"action": "name", "target": f"{named}:face_0001", "name": "Anna"}
        assert client.post("/api/people/edits", json=edit).status_code == 404


def test_a_query_is_answered_and_a_wrong_one_is_explained(client: TestClient) -> None:
    found = client.post("/api/query", json={"find": "person"}).json()
    assert [(one["video_id"], one["start_s"], one["end_s"]) for one in found["matches"]] == [
        (DONE.video_id, 0.0, 4.0)
    ]
    assert found["query"]["find"]["min_s"] == 0.5
    assert "did you mean 'person'" in _error(client.post("/api/query", json={"find": "persn"}), 400)["what"]
    wrong = _error(client.post("/api/query", json={"find": "scene", "pad_s": -1}), 422)
    assert "body.pad_s" in wrong["where"]
    assert client.get("/api/query/schema").json()["properties"]["find"]


def test_a_query_is_kept_listed_and_forgotten(client: TestClient) -> None:
    assert client.put("/api/queries/all people", json={"find": "person"}).status_code == 200
    assert [one["name"] for one in client.get("/api/queries").json()] == ["all people"]
    assert client.delete("/api/queries/all people").json() == {"dropped": True}
    assert client.delete("/api/queries/all people").json() == {"dropped": False}


def test_a_person_is_named_and_that_is_undone(client: TestClient) -> None:
    edit = {"action": "name", "target": f"{DONE.video_id}:person_0001", "name": "Anna <b>"}
    person = client.post("/api/people/edits", json=edit).json()["person_id"]
    [anna] = client.get("/api/people").json()
    assert (anna["name"], anna["person_id"]) == ("Anna <b>", person)
    assert anna["videos"][0]["tracks"] == ["person_0001"]
    assert client.post("/api/people/edits", json={"action": "undo"}).status_code == 200
    assert client.get("/api/people").json() == []


def test_figures_of_the_pages_are_answered(client: TestClient) -> None:
    overview = client.get("/api/overview").json()["figures"]
    assert overview["states"]["completed"] == {"videos": 1, "hours": 4 / 3600, "unknown": 0}
    assert overview["pipelines"]["person_tracking"]["states"] == {"pending": 1, "completed": 1, "failed": 1}
    assert sum(point["completed"] for point in overview["history"]) == 1
    quality = client.get("/api/quality").json()
    assert [(one["pipeline"], one["quartiles"][1]) for one in quality["rates"]] == [
        ("scene_detection", 30.0),
        ("person_tracking", 165.0),
    ]
    [group] = client.get("/api/errors").json()["groups"]
    assert (group["kind"], group["cause"], group["count"]) == ("truncated", "N of N frames are missing", 1)
    assert group["video_ids"] == [FAILED.video_id]
    sample = client.get("/api/resources").json()[-1]
    assert 0 < sample["memory_used"] <= sample["memory_total"]
    assert client.get("/api/facets").json()
    assert any(model["name"] == "yolo11n.pt" for model in client.get("/api/models").json())
    assert 'vaengine_videos{state="failed"} 1.0' in client.get("/metrics").text


def test_the_newest_events_come_first_with_their_videos(served: tuple[TestClient, Any]) -> None:
    client, store = served
    recent = client.get("/api/events/recent", params={"limit": 2}).json()
    newest = store.newest_event()
    assert [(one["number"], one["name"], one["video_id"]) for one in recent] == [
        (newest, "failed", FAILED.video_id),
        (newest - 1, "failed", FAILED.video_id),
    ]
    assert len(client.get("/api/events/recent").json()) == newest
    assert client.get("/api/events/recent", params={"limit": 0}).status_code == 422


def test_a_batch_is_submitted_listed_and_cancelled(served: tuple[TestClient, Any], tmp_path: Path) -> None:
    client, store = served
    video = tmp_path / "straße.mp4"
    video.write_bytes(b"no video, which the run will say")
    answer = client.post(
        "/api/batches", json={"paths": [str(video)], "preset": "embedded", "pipelines": ["scene"]}
    )
    assert answer.status_code == 201
    batch_id = answer.json()["batch_id"]
    stored = Submission.from_json(store.submissions()[batch_id])
    assert stored.state is SubmissionState.WAITING
    assert stored.options["paths"] == [str(video)]
    assert [one["state"] for one in client.get("/api/batches").json()["batches"]] == ["waiting", "running"]
    assert client.get(f"/api/batches/{batch_id}").json()["submission"]["options"]["preset"] == "embedded"
    acted = client.post(f"/api/batches/{batch_id}/actions", json={"action": "cancel"}).json()
    assert acted["notes"] == [f"batch {batch_id} is cancelled"]
    assert Submission.from_json(store.submissions()[batch_id]).state is SubmissionState.CANCELLED


@pytest.mark.parametrize(
    ("wanted", "status", "what"),
    [
        ({}, 400, "no input"),
        ({"paths": ["clip.mp4"]}, 400, "is relative"),
        ({"paths": ["/no/such/clip.mp4"]}, 400, "does not exist"),
        ({"paths": ["/no/such/clip.mp4"], "pipelines": ["scenes?"]}, 400, "unknown pipeline"),
        ({"paths": ["/no/such/clip.mp4"], "settings": {"person.confidense": 1}}, 400, "did you mean"),
        ({"paths": ["/tmp"], "replace": "perhaps"}, 422, ""),
        ({"paths": ["/tmp"], "out": "/etc"}, 422, ""),
        ({"uploads": ["../../etc"]}, 404, "not found"),
    ],
)
def test_a_batch_that_cannot_be_is_refused(
    client: TestClient, wanted: dict[str, Any], status: int, what: str
) -> None:
    assert what in _error(client.post("/api/batches", json=wanted), status)["what"]


def test_the_printed_link_puts_the_token_into_a_cookie_that_writes(
    served: tuple[TestClient, Any], tmp_path: Path
) -> None:
    url = served[1].url
    with client_of(settings_of(url, tmp_path, token_for_reads=True), token=None) as browser:
        assert _error(browser.get("/api/videos"), 401)["cure"]
        assert browser.get("/?token=wrong").status_code == 401
        answer = browser.get(f"/?token={TOKEN}&page=2", follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, "/?page=2")
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert browser.cookies[COOKIE] == TOKEN
        assert browser.get("/api/videos").status_code == 200
        assert browser.get(f"//evil.example/?token={TOKEN}", follow_redirects=False).headers["location"] != (
            "//evil.example/"
        )


def test_every_answer_says_how_it_may_be_used(client: TestClient) -> None:
    for path in ("/", "/api/videos", "/nothing", "/static/favicon.svg"):
        answer = client.get(path)
        assert HEADERS.items() <= dict(answer.headers).items()
    assert "default-src 'self'" in HEADERS["content-security-policy"]
    assert client.get("/api/videos", headers={"host": "evil.example"}).status_code == 421
    assert client.get("/api/videos", headers={"origin": "http://evil.example"}).status_code == 403


def test_what_the_pages_load_is_asked_for_again_and_sent_once(client: TestClient) -> None:
    first = client.get("/static/favicon.svg")
    assert first.headers["cache-control"] == "no-cache"
    again = client.get("/static/favicon.svg", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_the_api_is_described_without_a_warning(tmp_path: Path) -> None:
    app = make_app(settings_of(f"sqlite:///{tmp_path}/s.db", tmp_path))
    with warnings.catch_warnings(action="error"):
        paths = app.openapi()["paths"]
    assert paths["/api/videos/{video_id}/media"].keys() == {"get"}


def test_no_answer_holds_the_token_or_a_password(client: TestClient) -> None:
    for path in ("/api/videos", "/api/batches", "/api/ready", "/api/openapi.json", "/metrics", "/"):
        assert TOKEN not in client.get(path).text


def test_a_body_beyond_the_limit_is_refused(client: TestClient) -> None:
    assert client.post("/api/query", content=b"x" * (2**20 + 1)).status_code == 413


def test_a_document_that_is_nested_deeply_is_answered_or_refused(client: TestClient) -> None:
    for depth in (200, 20_000):
        text = (
            '{"find":"scene","where":[' + '{"not":' * depth + '{"duration":true,"gt":1}' + "}" * depth + "]}"
        )
        answer = client.post("/api/query", content=text, headers={"content-type": "application/json"})
        assert answer.status_code < 500
    assert answer.status_code >= 400


def test_a_server_that_only_reads_answers_and_changes_nothing(
    served: tuple[TestClient, Any], tmp_path: Path
) -> None:
    url = served[1].url
    with client_of(settings_of(url, tmp_path / "none", read_only=True)) as reader:
        assert reader.get("/api/videos").json()["total"] == 3
        assert _error(reader.post("/api/people/edits", json={"action": "undo"}), 403)["kind"] == "read_only"
        assert reader.post("/api/query", json={"find": "person"}).json()["matches"]
        assert reader.post("/api/query/explain", json={"find": "person"}).json()
        similar = reader.post("/api/similar", json={"named": "identity_0001"})
        assert "no face embeddings" in _error(similar, 400)["what"]
        assert reader.get("/api/resources").status_code == 200
    assert not (tmp_path / "none").exists()


def test_a_store_that_is_not_there_is_said_and_the_server_lives(tmp_path: Path) -> None:
    with client_of(settings_of(f"sqlite:///{tmp_path}/none.db", tmp_path)) as client:
        assert client.get("/api/health").json()["status"] == "ok"
        assert "store not found" in _error(client.get("/api/ready"), 404)["what"]
        assert _error(client.get("/api/videos"), 404)
