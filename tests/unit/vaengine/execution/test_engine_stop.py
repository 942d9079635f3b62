"""What a stop does to an engine that waits for something of which nothing is stored."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

import pytest

from actors.stores import open_store
from cluster.session import Session
from schemas.errors import NodeLost
from schemas.pipelines import SCENE
from schemas.work.job import JobStatus
from tests.support.media import clips
from tests.support.runs import runs
from vaengine.execution.engine import Engine
from vaengine.execution.ray_executor import RayExecutor
from vaengine.run_loop.stop_request import StoppedEarly, StopRequest


@pytest.fixture
def stop() -> StopRequest:
    return StopRequest()


def test_a_stop_ends_the_wait(stop: StopRequest) -> None:
    with pytest.raises(StoppedEarly), stop.interruptible():
        stop.request("SIGINT")


def test_a_wait_is_not_begun_after_a_stop(stop: StopRequest) -> None:
    stop.request("SIGINT")
    with pytest.raises(StoppedEarly), stop.interruptible():
        raise AssertionError("it is over")


def test_a_stop_outside_a_wait_interrupts_nothing(stop: StopRequest) -> None:
    with stop.interruptible():
        pass
    stop.request("SIGINT")
    assert stop


def test_who_asked_first_is_remembered(stop: StopRequest) -> None:
    assert not stop
    stop.request("SIGTERM")
    stop.request("SIGINT")
    assert stop.signal_name == "SIGTERM"


@pytest.mark.parametrize("lost", [0, 1], ids=["at its first start", "after a node was lost"])
def test_a_stop_while_ray_starts_leaves_what_is_registered_as_pending(
    lost: int, clip_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = runs.request(
        [clips.with_cuts(clip_folder).path], tmp_path, pipelines=[SCENE], files=False, cluster="local"
    )
    starts: list[int] = []

    def session(_: RayExecutor) -> contextlib.AbstractContextManager[Session]:
        starts.append(len(starts))
        if len(starts) <= lost:
            raise NodeLost("Ray's node")
        engine.stop("SIGINT")
        raise AssertionError("nobody waits for it")

    monkeypatch.setattr(RayExecutor, "_session", session)
    engine = Engine(request)
    report = engine.run()
    assert (report.pending, report.stopped_by, len(starts)) == (1, "SIGINT", lost + 1)
    with contextlib.closing(open_store(request.store_url, read_only=True)) as store:
        (job,) = store.jobs()
        assert job.status is JobStatus.PENDING


def test_a_stop_from_another_thread_interrupts_neither(stop: StopRequest) -> None:
    with stop.interruptible():
        thread = threading.Thread(target=stop.request, args=("SIGINT",))
        thread.start()
        thread.join()
    with pytest.raises(StoppedEarly), stop.interruptible():
        raise AssertionError("it is seen at the next wait")
