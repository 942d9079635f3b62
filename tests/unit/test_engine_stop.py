"""What a stop does to an engine that waits for something of which nothing is stored."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from schemas.pipeline import SCENE
from tests import runs
from vaengine.engine import Engine, _StoppedEarly


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


def test_a_stop_from_another_thread_interrupts_neither(engine: Engine) -> None:
    with engine._stoppable():
        thread = threading.Thread(target=engine.stop, args=("SIGINT",))
        thread.start()
        thread.join()
    with pytest.raises(_StoppedEarly), engine._stoppable():
        raise AssertionError("it is seen at the next wait")
