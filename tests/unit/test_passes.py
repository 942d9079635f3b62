"""Passes that are given up: each for itself, and none forgotten that is still at work."""

from __future__ import annotations

import copy
import pickle
import threading
from pathlib import Path
from typing import Any

import pytest

from schemas.pipeline import SCENE
from tests import runs
from vaengine.intake import Left
from vaengine.pipeline import GivenUp, callback_of
from vaengine.shift import Shift


@pytest.mark.parametrize("travelled", [lambda one: one, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_a_pass_that_begins_neither_saves_one_that_is_given_up_nor_ends_with_it(travelled: Any) -> None:
    given_up = threading.Event()
    with callback_of(given_up) as one:
        given_up.set()
        with callback_of(threading.Event()) as other:
            travelled(other)().on_execution_step(None)
            with pytest.raises(GivenUp):
                travelled(one)().on_execution_step(None)


class Calm(Shift):
    """A shift whose passes are `works`, with nobody to ask."""

    def __init__(self, folder: Path) -> None:
        nobody: Any = None
        super().__init__(runs.request([], folder, pipelines=[SCENE]), nobody, nobody, nobody, nobody)
        self.works: list[Any] = []
        self.idle = False

    def _works(self, left: Left) -> list[Any]:
        return self.works

    def _tick(self) -> None:
        self.idle = True

    def _idle_after_stop(self) -> bool:
        return self.idle

    def _drain(self) -> None: ...


def test_a_pass_that_does_not_end_is_still_waited_for_after_another_has_begun(tmp_path: Path) -> None:
    shift, go, ended = Calm(tmp_path), threading.Event(), []
    shift.works = [lambda: (go.wait(30), ended.append("the first"))]
    shift._pass(Left({}, ()))
    shift.idle, shift.works = False, [lambda: ended.append("the second")]
    shift._pass(Left({}, ()))
    assert [thread.is_alive() for thread in shift._running].count(True) == 1
    go.set()
    shift._give_up_passes()
    assert ended == ["the second", "the first"]
