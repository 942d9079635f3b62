"""Whatever the description of the API allows, and what it does not, is no fault of the server."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error

from tests.support.stores.served import TOKEN, client_of, filled_store, settings_of
from vaengine.server.app import make_app

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]

_OPEN = ExitStack()
_FOLDER = Path(_OPEN.enter_context(tempfile.TemporaryDirectory(prefix="vaengine-api-")))
_URL = f"sqlite:///{_FOLDER}/batch_processing.db"
_APP = make_app(settings_of(_URL, _FOLDER, max_upload_bytes=2**20))
ENDLESS = "/api/events"  # its answer has no end

schema = schemathesis.openapi.from_asgi("/api/openapi.json", _APP, headers={"host": "127.0.0.1"}).exclude(
    path=ENDLESS
)


@pytest.fixture(scope="module", autouse=True)
def _store() -> object:
    with _OPEN, filled_store(_URL):
        yield


@schema.parametrize()
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_request_makes_the_server_fail(case: schemathesis.Case) -> None:
    headers = {"authorization": f"Bearer {TOKEN}", "host": "127.0.0.1"}
    answer = case.call(headers=headers)
    case.validate_response(answer, checks=[not_a_server_error])


def test_every_error_that_is_answered_has_the_declared_form() -> None:
    described = _APP.openapi()
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            for status, answer in operation["responses"].items():
                if status.startswith(("4", "5")):
                    [reference] = answer["content"].values()
                    assert reference["schema"]["$ref"].endswith("/ErrorAnswer"), (method, path, status)


def test_the_description_is_the_one_that_a_server_gives() -> None:
    with client_of(settings_of(_URL, _FOLDER)) as client:
        assert client.get("/api/openapi.json").json() == _APP.openapi()
