"""Events for programs: one JSON object a line, built in one place."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from schemas.work.job import JobStatus
from vaengine.console.output import emit, emit_each


@dataclass(frozen=True)
class Part:
    path: Path
    state: JobStatus


def test_an_event_has_its_name_its_time_and_the_fields_of_a_value(capsys: pytest.CaptureFixture[str]) -> None:
    emit("part", Part(Path("/ä.mp4"), JobStatus.FAILED), last=True)
    line = capsys.readouterr().out
    assert "/ä.mp4" in line, "as it is, not escaped"
    written = json.loads(line)
    assert datetime.fromisoformat(written.pop("time")).tzinfo is UTC
    assert written == {"event": "part", "path": "/ä.mp4", "state": "failed", "last": True}


def test_each_value_is_an_event_of_its_own_and_one_with_a_time_keeps_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    emit_each("log", ({"time": "2026-01-01T00:00:00Z", "step": step} for step in range(2)))
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert events == [{"event": "log", "time": "2026-01-01T00:00:00Z", "step": step} for step in range(2)]
