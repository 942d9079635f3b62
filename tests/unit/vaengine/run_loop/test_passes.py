"""Passes that are given up: each for itself, and none forgotten that is still at work."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from schemas.pipelines import SCENE
from schemas.work.chunk import WorkKey
from tests.support.runs import runs
from vaengine.backends.dataset import PassAbandoned, callback_of
from vaengine.planning.backlog import RemainingWork
from vaengine.run_loop.batch_run import BatchRun
from vaengine.run_loop.pass_runner import PassRunner
from vaengine.run_loop.run_loop import RunLoop
from vaengine.run_loop.stop_request import StopRequest

NOBODY: Any = None


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


class Working(PassRunner):
    """A runner of passes that do what a test says."""

    def __init__(self) -> None:
        self.works: list[Callable[[], None]] = []
        super().__init__(lambda left, actor_group, given_up: self.works)

    def begin(self, *works: Callable[[], None]) -> Iterator[None]:
        """A pass of these works, as far as its first look at whether it has ended."""
        self.works = list(works)
        looks = self.run(RemainingWork({}, ()), NOBODY)
        next(looks, None)
        return looks


def test_a_pass_that_does_not_end_is_still_waited_for_after_another_has_begun() -> None:
    runner, go, ended = Working(), threading.Event(), []

    def first() -> None:
        go.wait(30)
        ended.append("the first")

    def second() -> None:
        ended.append("the second")

    first_looks = runner.begin(first)
    for _ in runner.begin(second):
        pass
    assert ended == ["the second"]
    assert next(first_looks, "over") is None
    go.set()
    runner.give_up()
    assert ended == ["the second", "the first"]
    assert next(first_looks, "over") == "over"


def test_what_broke_a_pass_is_remembered_in_one_line_and_the_next_pass_begins_all_the_same() -> None:
    runner = Working()

    def breaks() -> None:
        raise RuntimeError("Ray's long story\nits end")

    def gives_up() -> None:
        raise PassAbandoned

    for works in ([breaks], [gives_up], []):
        runner.works = works
        for _ in runner.run(RemainingWork({}, ()), NOBODY):
            pass
    assert (runner.begun, runner.last_error) == (2, "its end")


class Stuck(RunLoop):
    """A run loop whose rounds change nothing, with nobody to ask."""

    def __init__(self, folder: Path, **told: Any) -> None:
        backend: Any = SimpleNamespace(pass_works=None, shortage=None, is_outgrown=None)
        request = runs.request([], folder, pipelines=[SCENE], **told)
        super().__init__(BatchRun(request, NOBODY, NOBODY, NOBODY, NOBODY, StopRequest(), NOBODY), backend)
        self.rounds = 0
        self.lost: list[RemainingWork] = []

    def _left(self) -> RemainingWork:
        return RemainingWork({}, (WorkKey("v", SCENE, "c"),))

    def _round(self, left: RemainingWork) -> None:
        self.rounds += 1

    def _failures(self) -> Any:
        return SimpleNamespace(give_up_all=lambda left, trouble: self.lost.append(left))


@pytest.mark.parametrize("most", [1, 3, 7])
def test_what_so_many_rounds_did_not_change_is_given_up(most: int, tmp_path: Path) -> None:
    shift = Stuck(tmp_path, engine__max_passes=most)
    shift._rounds()
    assert (shift.rounds, shift.lost) == (most, [shift._left()])
