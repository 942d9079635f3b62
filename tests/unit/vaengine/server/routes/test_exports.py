"""Exports by the API: written by the server, kept beside the results, and fetched as one archive."""

from __future__ import annotations

import csv
import io
import json
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

import vaengine
from schemas.errors import ServerRefused
from tests.support.stores.served import BASE, DONE, TOKEN, client_of, filled_store, settings_of
from vaengine.exporting.registry import MODULES
from vaengine.server import exports as served_exports

PATIENCE_S = 60.0


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    address = f"sqlite:///{tmp_path}/batch_processing.db"
    with filled_store(address):
        yield address


@pytest.fixture
def client(url: str, tmp_path: Path) -> Iterator[TestClient]:
    with client_of(settings_of(url, tmp_path)) as made:
        yield made


def ended(client: TestClient, export_id: str) -> dict[str, Any]:
    """The export once it is ready or has failed; polled, as a client does."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        state: dict[str, Any] = client.get(f"/api/exports/{export_id}").json()
        if state["stage"] in ("ready", "failed"):
            return state
        time.sleep(0.02)
    raise AssertionError(f"export {export_id} does not end")


def begun(client: TestClient, **wanted: Any) -> str:
    answer = client.post("/api/exports", json=wanted)
    assert answer.status_code == 202, answer.text
    assert answer.json()["stage"] == "waiting"
    export_id: str = answer.json()["export_id"]
    return export_id


def test_formats_are_those_of_the_command(client: TestClient) -> None:
    formats = client.get("/api/exports/formats").json()
    assert [one["name"] for one in formats] == list(MODULES)
    assert next(one for one in formats if one["name"] == "yolo")["has_pictures"] is True


def test_an_export_is_written_kept_and_fetched_as_one_archive(
    client: TestClient, url: str, tmp_path: Path
) -> None:
    state = ended(client, begun(client, format="csv", videos=[DONE.video_id]))
    assert (state["stage"], state["format"], state["source"]) == ("ready", "csv", "machine")
    assert state["rows"] == 13
    answer = client.get(f"/api/exports/{state['export_id']}/archive")
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        boxes = archive.read(f"{state['export_id']}/person_detection.csv").decode()
        manifest = json.loads(archive.read(f"{state['export_id']}/vaengine_export.json"))
    assert {row["video_id"] for row in csv.DictReader(io.StringIO(boxes))} == {DONE.video_id}
    assert sum(manifest["files"].values()) == state["size_bytes"]
    with client_of(settings_of(url, tmp_path)) as later:
        assert later.get("/api/exports").json() == [state]


def test_an_export_of_what_is_not_there_is_refused_at_once(client: TestClient) -> None:
    for wanted, status in (
        ({"format": "nothing"}, 400),
        ({"format": "csv", "videos": ["nobody"]}, 404),
        ({"format": "csv", "videos": ["../etc/passwd"]}, 400),
        ({"format": "csv", "source": "somebody"}, 422),
        ({"format": "csv", "batch": "nobody"}, 404),
    ):
        assert client.post("/api/exports", json=wanted).status_code == status, wanted
    assert client.get("/api/exports").json() == []


@pytest.mark.logs_errors
def test_an_export_that_fails_says_why_and_the_next_one_is_written(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = served_exports.write_export

    def failing(*given: Any, **named: Any) -> Any:
        if given[1].name == "coco":
            raise RuntimeError("no such luck")
        return write(*given, **named)

    monkeypatch.setattr(served_exports, "write_export", failing)
    failed = ended(client, begun(client, format="coco"))
    assert failed["stage"] == "failed"
    assert "the server failed" in failed["message"]
    assert ended(client, begun(client, format="csv"))["stage"] == "ready"


@pytest.mark.parametrize("name", ["..", ".hidden", "nobody", "%2e%2e"])
def test_no_other_folder_is_sent(client: TestClient, tmp_path: Path, name: str) -> None:
    (tmp_path / "exports" / ".hidden").mkdir(parents=True)
    (tmp_path / "exports" / ".hidden" / "vaengine_export.json").write_text("{}")
    assert client.get(f"/api/exports/{name}/archive").status_code == 404


def test_a_folder_that_is_a_link_is_no_export(client: TestClient, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "vaengine_export.json").write_text("{}")
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "link").symlink_to(elsewhere)
    assert client.get("/api/exports/link/archive").status_code == 404


def test_a_read_only_server_writes_no_export(url: str, tmp_path: Path) -> None:
    with client_of(settings_of(url, tmp_path, read_only=True)) as client:
        assert client.post("/api/exports", json={"format": "csv"}).status_code == 403


def test_a_program_has_an_export_written_and_saves_it(client: TestClient, tmp_path: Path) -> None:
    transport: httpx.BaseTransport = client._transport
    with vaengine.Client(BASE, token=TOKEN, transport=transport) as program:
        assert "csv" in {one["name"] for one in program.export_formats()}
        export_id = program.export("csv", videos=[DONE.video_id])["export_id"]
        assert ended(client, export_id)["stage"] == "ready"
        program.save_export(export_id, tmp_path / "csv.zip")
        assert zipfile.is_zipfile(tmp_path / "csv.zip")
        with pytest.raises(FileExistsError):
            program.save_export(export_id, tmp_path / "csv.zip")
        with pytest.raises(ServerRefused, match="nobody"):
            program.save_export("nobody", tmp_path / "none.zip")
        assert not (tmp_path / "none.zip").exists()
        assert [one["export_id"] for one in program.exports()] == [export_id]
