"""Whatever the description of the API allows, and what it does not, is no fault of the server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings

from tests.support.stores.served import TOKEN, client_of, filled_store, settings_of
from vaengine.server.app import make_app
from vaengine.server.settings import ServerSettings

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]

ENDLESS: Final = "/api/events"  # its answer has no end
EXAMPLES: Final = 25  # of requests to each operation
HEADERS: Final = {"authorization": f"Bearer {TOKEN}", "host": "127.0.0.1"}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerSettings]:
    """The settings of a server over a store with some videos."""
    folder = tmp_path_factory.mktemp("api")
    url = f"sqlite:///{folder}/batch_processing.db"
    with filled_store(url):
        yield settings_of(url, folder, max_upload_bytes=2**20)


@pytest.fixture(scope="module")
def app(told: ServerSettings) -> FastAPI:
    return make_app(told)


@pytest.mark.filterwarnings("ignore")
def test_no_request_makes_the_server_fail(app: FastAPI) -> None:
    """Cases are drawn by hypothesis alone: schemathesis' own list of them grows without end for a query."""
    import schemathesis
    from schemathesis.checks import not_a_server_error

    schema = schemathesis.openapi.from_asgi("/api/openapi.json", app, headers={"host": "127.0.0.1"})
    paths = set()
    for found in schema.exclude(path=ENDLESS).get_all_operations():
        operation = found.ok()
        paths.add(operation.path)

        @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def holds(case: Any) -> None:
            case.validate_response(case.call(headers=HEADERS), checks=[not_a_server_error])

        holds()
    assert {"/api/videos", "/api/query", "/api/batches"} <= paths


def test_every_error_that_is_answered_has_the_declared_form(app: FastAPI) -> None:
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            for status, answer in operation["responses"].items():
                if status.startswith(("4", "5")):
                    [reference] = answer["content"].values()
                    assert reference["schema"]["$ref"].endswith("/ErrorAnswer"), (method, path, status)


def test_the_description_is_the_one_that_a_server_gives(app: FastAPI, told: ServerSettings) -> None:
    with client_of(told) as client:
        assert client.get("/api/openapi.json").json() == app.openapi()
