"""What a batch says before its run says anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from schemas.errors import VaengineError
from schemas.settings.settings import Settings
from vaengine.api import batch
from vaengine.console.output import event
from vaengine.requests.executor_choice import ExecutorChoice
from vaengine.requests.request import RunRequest
from vaengine.requests.run_options import ResolvedRequest

LINE = "preset auto: person_tracking = embedded (HOG)"
ASKED = ResolvedRequest(RunRequest(("/clips/a.mp4",), (), Settings(), Path("/out"), "files:/out"), LINE)


class EndedAtOnce:
    """Stands for a run whose process ends without an event."""

    def __init__(self, request: RunRequest) -> None:
        assert request is ASKED.request

    def next_event(self) -> None: ...

    def stop(self) -> None: ...

    def last_words(self) -> str:
        return "nothing"


@pytest.mark.parametrize("progress", [True, False])
def test_what_the_preset_came_to_is_known_and_said_first_where_progress_is_shown(
    progress: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(batch, "BackgroundRun", EndedAtOnce)
    started = batch.Batch(ASKED, progress=progress)
    assert started.preset_line == LINE
    assert capsys.readouterr().err.splitlines()[:1] == [LINE] * progress
    with pytest.raises(VaengineError, match="without a report: nothing"):
        next(started)


class SaysWhereItWorks(EndedAtOnce):
    """Stands for a run that says where its work is done, and ends."""

    def __init__(self, request: RunRequest) -> None:
        super().__init__(request)
        self._events = [event("executor", ExecutorChoice("none", "about 3 s of work"))]

    def next_event(self) -> Any:
        return self._events.pop() if self._events else None


@pytest.mark.parametrize("progress", [True, False])
def test_where_the_work_is_done_is_said_where_progress_is_shown(
    progress: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(batch, "BackgroundRun", SaysWhereItWorks)
    with pytest.raises(VaengineError, match="without a report"):
        next(batch.Batch(ASKED, progress=progress))
    assert ("works in this process, without Ray: about 3 s of work" in capsys.readouterr().err) == progress
