"""The progress of batches over HTTP."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from actors.stores import open_store
from schemas.errors import UsageError
from tests.support.stores.fake_videos import RUN
from vaengine.api.progress_service import ProgressService


@pytest.fixture
def url(tmp_path: Path) -> str:
    address = f"sqlite:///{tmp_path / 'batch_processing.db'}"
    with closing(open_store(address)) as store:
        for batch_id in ("batch-1", "batch-2"):
            store.open_run(replace(RUN, batch_id=batch_id))
    return address


def answer(service: ProgressService, query: str = "") -> tuple[int, dict[str, Any]]:
    response = service(Request({"type": "http", "query_string": query.encode()}))
    return response.status_code, json.loads(bytes(response.body))


def test_a_batch_is_answered_as_its_progress_the_newest_without_a_name(url: str) -> None:
    service = ProgressService(url)
    assert [answer(service, query)[1]["batch_id"] for query in ("", "batch=batch-1")] == [
        "batch-2",
        "batch-1",
    ]
    assert answer(service)[0] == 200
    assert answer(service)[1]["jobs"]["total"] == 0


@pytest.mark.parametrize(("query", "status"), [("batch=nosuch", 404), ("batch=batch", 400)])
def test_a_batch_that_is_missing_or_could_be_several_is_an_error_with_its_reason(
    url: str, query: str, status: int
) -> None:
    answered, content = answer(ProgressService(url), query)
    assert answered == status
    assert "batch" in content["error"]


def test_the_store_is_the_one_of_the_environment_and_a_missing_one_is_told(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAENGINE_DB", url)
    assert answer(ProgressService())[0] == 200
    monkeypatch.delenv("VAENGINE_DB")
    with pytest.raises(UsageError, match="set VAENGINE_DB"):
        ProgressService()
