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
from tests.support import clips, runs
from vaengine.execution.engine import Engine, _StoppedEarly


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine(runs.request([tmp_path / "a.mp4"], tmp_path, pipelines=[SCENE]))


def test_a_stop_ends_the_wait(engine: Engine) -> None:
    with pytest.raises(_StoppedEarly), engine._stoppable():
        engine.stop("SIGINT")


def test_a_wait_is_not_begun_after_a_stop(engine: Engine) -> None:
    engine.stop("SIGINT")
    with pytest.raises(_StoppedEarly), engine._stoppable():
        raise AssertionError("it is over")


def test_a_stop_outside_a_wait_interrupts_nothing(engine: Engine) -> None:
    with engine._stoppable():
        pass
    engine.stop("SIGINT")


@pytest.mark.parametrize("lost", [0, 1], ids=["at its first start", "after a node was lost"])
def test_a_stop_while_ray_starts_leaves_what_is_registered_as_pending(
    lost: int, clip_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = runs.request([clips.with_cuts(clip_folder).path], tmp_path, pipelines=[SCENE], files=False)
    starts: list[int] = []

    def session(_: Engine) -> contextlib.AbstractContextManager[Session]:
        starts.append(len(starts))
        if len(starts) <= lost:
            raise NodeLost("Ray's node")
        engine.stop("SIGINT")
        raise AssertionError("nobody waits for it")

    monkeypatch.setattr(Engine, "_session", session)
    engine = Engine(request)
    report = engine.run()
    assert (report.pending, report.stopped_by, len(starts)) == (1, "SIGINT", lost + 1)
    with contextlib.closing(open_store(request.store_url, read_only=True)) as store:
        (job,) = store.jobs()
        assert job.status is JobStatus.PENDING


def test_a_stop_from_another_thread_interrupts_neither(engine: Engine) -> None:
    with engine._stoppable():
        thread = threading.Thread(target=engine.stop, args=("SIGINT",))
        thread.start()
        thread.join()
    with pytest.raises(_StoppedEarly), engine._stoppable():
        raise AssertionError("it is seen at the next wait")
