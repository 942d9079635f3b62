"""An error that is logged is a failure that nobody looked at: it fails the test, unless the test is about
it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Final

import pytest

# What FFmpeg says of a damaged file; ours says it by name, and tests are full of such files.
FROM_FILES: Final = "libav"


@pytest.fixture(autouse=True)
def _no_error_is_logged(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fails a test in which a logger reported an error, unless it is marked `logs_errors`."""
    yield
    if request.node.get_closest_marker("logs_errors"):
        return
    records = [record for phase in ("setup", "call") for record in caplog.get_records(phase)]
    found = [
        record
        for record in records
        if record.levelno >= logging.ERROR and not record.name.startswith(FROM_FILES)
    ]
    errors = [f"{record.name}: {record.getMessage()}" for record in found]
    assert errors == [], "errors were logged; mark the test `logs_errors` if it is about them"
