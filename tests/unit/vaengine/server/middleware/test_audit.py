"""The record of what clients changed: what is in it, what never is, and how large it grows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.support.stores.served import DONE, TOKEN, client_of, filled_store, settings_of
from vaengine.maintenance import maintenance
from vaengine.maintenance.audit_mentions import audit_mentions
from vaengine.requests.store_location import AUDIT_FILE
from vaengine.server.middleware.audit import AuditEntry, AuditLog

ENTRY = AuditEntry("2026-01-01T00:00:00.000+00:00", "10.0.0.1", "POST", "/api/people/edits", 200)


def _lines(folder: Path, name: str = AUDIT_FILE) -> list[dict[str, Any]]:
    path = folder / name
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    made = f"sqlite:///{tmp_path}/batch_processing.db"
    with filled_store(made):
        yield made


@pytest.fixture
def client(url: str, tmp_path: Path) -> Iterator[TestClient]:
    with client_of(settings_of(url, tmp_path)) as opened:
        yield opened


def test_what_changes_something_is_a_line_with_who_what_and_the_outcome(
    client: TestClient, tmp_path: Path
) -> None:
    begun = datetime.now(UTC) - timedelta(seconds=1)
    client.put("/api/queries/anybody", json={"find": "person"})
    client.post(f"/api/videos/{DONE.video_id}/corrections/undo", json={"revision": "none"})
    client.post("/api/batches/batch-9/actions", json={"action": "cancel"})
    client.post("/api/videos/actions", json={"action": "no such"})
    client.delete("/api/queries/anybody")
    lines = _lines(tmp_path)
    assert [(line["method"], line["path"], line["status"]) for line in lines] == [
        ("PUT", "/api/queries/anybody", 200),
        ("POST", f"/api/videos/{DONE.video_id}/corrections/undo", 409),
        ("POST", "/api/batches/batch-9/actions", 404),
        ("POST", "/api/videos/actions", 422),
        ("DELETE", "/api/queries/anybody", 200),
    ]
    assert [line.get("video_id") for line in lines] == [None, DONE.video_id, None, None, None]
    assert [line.get("batch_id") for line in lines] == [None, None, "batch-9", None, None]
    assert {line["client"] for line in lines} == {"testclient"}
    assert all(begun <= datetime.fromisoformat(line["at"]) <= datetime.now(UTC) for line in lines)


def test_reads_and_questions_are_not_recorded_nor_who_has_no_token(
    client: TestClient, tmp_path: Path
) -> None:
    client.get("/api/videos")
    client.post("/api/query", json={"find": "person"})
    for token in ("", "wrong"):
        client.delete("/api/queries/x", headers={"authorization": f"Bearer {token}"})
    client.delete("/api/queries/x", headers={"origin": "http://evil.example"})
    assert not (tmp_path / AUDIT_FILE).exists()


def test_neither_token_nor_body_nor_query_is_recorded(client: TestClient, tmp_path: Path) -> None:
    edit = {"action": "name", "target": f"{DONE.video_id}:person_0001", "name": "Anna"}
    client.post(f"/api/people/edits?token={TOKEN}&key=secret", json=edit)
    client.delete("/api/queries/a%0Aline", headers={"cookie": f"vaengine_token={TOKEN}"})
    recorded = (tmp_path / AUDIT_FILE).read_text()
    assert not any(text in recorded for text in (TOKEN, "Anna", "secret"))
    assert [line["path"] for line in _lines(tmp_path)] == ["/api/people/edits", "/api/queries/a\nline"]


@pytest.mark.logs_errors
def test_a_write_that_fails_within_the_server_is_recorded_once(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("a fault")

    monkeypatch.setattr("vaengine.queries.language.saved.save", fail)
    assert client.put("/api/queries/anybody", json={"find": "person"}).status_code == 500
    assert [line["status"] for line in _lines(tmp_path)] == [500]


def test_a_server_that_only_reads_records_nothing(url: str, tmp_path: Path) -> None:
    with client_of(settings_of(url, tmp_path / "none", read_only=True)) as reader:
        assert reader.delete("/api/queries/x").status_code == 403
    assert not (tmp_path / "none").exists()


def test_a_record_that_cannot_be_written_is_said_and_the_request_is_answered(
    client: TestClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / AUDIT_FILE).mkdir()
    assert client.delete("/api/queries/x").status_code == 200
    assert "DELETE /api/queries/x is not recorded" in caplog.text


def test_a_full_file_is_kept_once_and_a_new_one_begun(tmp_path: Path) -> None:
    audit = AuditLog(tmp_path / "out", max_bytes=3 * len(ENTRY.line()))
    for _ in range(8):
        audit.append(ENTRY)
    assert len(_lines(tmp_path / "out")) == 2
    assert len(_lines(tmp_path / "out", f"{AUDIT_FILE}.1")) == 3
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [AUDIT_FILE, f"{AUDIT_FILE}.1"]
    assert (tmp_path / "out" / AUDIT_FILE).stat().st_mode & 0o077 == 0


def test_lines_of_many_threads_and_logs_are_whole_and_none_is_lost(tmp_path: Path) -> None:
    count = 200
    logs = [AuditLog(tmp_path, max_bytes=(count // 2 + 10) * len(ENTRY.line())) for _ in range(2)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: logs[number % 2].append(ENTRY), range(count)))
    lines = [*_lines(tmp_path, f"{AUDIT_FILE}.1"), *_lines(tmp_path)]
    assert len(lines) == count


def test_a_line_that_does_not_fit_on_the_disk_leaves_no_part_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    audit, write = AuditLog(tmp_path), os.write
    audit.append(ENTRY)
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[: len(data) // 2]))
    with pytest.raises(OSError, match="disk is full"):
        audit.append(ENTRY)
    monkeypatch.undo()
    audit.append(ENTRY)
    assert len(_lines(tmp_path)) == 2


def test_an_erasure_says_which_record_names_what_is_forgotten(tmp_path: Path) -> None:
    kept, other = tmp_path / "kept", tmp_path / "other"
    for folder in (kept, other):
        AuditLog(folder).append(ENTRY)
    AuditLog(kept).append(AuditEntry(ENTRY.at, "", "PUT", '/api/queries/"Änne"', 200))
    [line] = audit_mentions([kept, other], {'"Änne"'})
    assert line.startswith(f"{kept / AUDIT_FILE} names it")
    assert list(audit_mentions([kept, other, tmp_path / "none"], {"garden-1a2b3c4d"})) == []


def test_checks_and_statistics_of_a_store_of_files_take_the_record_for_none_of_its_files(
    tmp_path: Path,
) -> None:
    url = f"files:{tmp_path}"
    with filled_store(url):
        faults, before = list(maintenance.check(url)), _files_by_kind(url)
        AuditLog(tmp_path).append(ENTRY)
        assert list(maintenance.check(url)) == faults
        assert _files_by_kind(url) == before | {"others": before.get("others", 0) + 1}


def _files_by_kind(url: str) -> dict[str, int]:
    return {holding.name: holding.count for holding in maintenance.census(url).holdings}
