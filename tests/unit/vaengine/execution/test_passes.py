"""Passes that are given up: each for itself, and none forgotten that is still at work."""

from __future__ import annotations

import copy
import pickle
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from schemas.pipelines import SCENE
from schemas.work.chunk import WorkKey
from tests.support import runs
from vaengine.execution.dataset import PassAbandoned, callback_of
from vaengine.execution.run_loop import RunLoop
from vaengine.planning.backlog import RemainingWork


@pytest.mark.parametrize(
    "travelled", [lambda one: one, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))]
)
def test_a_pass_that_begins_neither_saves_one_that_is_given_up_nor_ends_with_it(travelled: Any) -> None:
    given_up = threading.Event()
    with callback_of(given_up) as one:
        given_up.set()
        with callback_of(threading.Event()) as other:
            travelled(other)().on_execution_step(None)
            with pytest.raises(PassAbandoned):
                travelled(one)().on_execution_step(None)


class Calm(RunLoop):
    """A shift whose passes are `works`, with nobody to ask."""

    def __init__(self, folder: Path, **told: Any) -> None:
        nobody: Any = None
        super().__init__(runs.request([], folder, pipelines=[SCENE], **told), nobody, nobody, nobody, nobody)
        self.works: list[Any] = []
        self.idle = False

    def _works(self, left: RemainingWork) -> list[Any]:
        return self.works

    def _tick(self) -> None:
        self.idle = True

    def _idle_after_stop(self) -> bool:
        return self.idle

    def _drain(self) -> None: ...


def test_a_pass_that_does_not_end_is_still_waited_for_after_another_has_begun(tmp_path: Path) -> None:
    shift, go, ended = Calm(tmp_path), threading.Event(), []
    shift.works = [lambda: (go.wait(30), ended.append("the first"))]
    shift._pass(RemainingWork({}, ()))
    shift.idle, shift.works = False, [lambda: ended.append("the second")]
    shift._pass(RemainingWork({}, ()))
    assert [thread.is_alive() for thread in shift._running].count(True) == 1
    go.set()
    shift._give_up_passes()
    assert ended == ["the second", "the first"]


class Stuck(Calm):
    """A shift whose rounds change nothing."""

    def __init__(self, folder: Path, **told: Any) -> None:
        super().__init__(folder, **told)
        self.rounds = 0
        self.lost: list[RemainingWork] = []

    def _over(self) -> bool:
        return False

    def _left(self) -> RemainingWork:
        return RemainingWork({}, (WorkKey("v", SCENE, "c"),))

    def _round(self, left: RemainingWork) -> None:
        self.rounds += 1

    def _verdicts(self) -> Any:
        return SimpleNamespace(lost=lambda left, trouble: self.lost.append(left))


@pytest.mark.parametrize("most", [1, 3, 7])
def test_what_so_many_rounds_did_not_change_is_given_up(most: int, tmp_path: Path) -> None:
    shift = Stuck(tmp_path, engine__max_passes=most)
    shift._rounds()
    assert (shift.rounds, shift.lost) == (most, [shift._left()])
