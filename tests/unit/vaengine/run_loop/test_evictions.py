"""From whom work is taken, and which pass is waited for no longer: decided by values alone."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from actors.coordination.coordinator import Coordinator, RunStatus
from actors.coordination.holders import SilentWorker
from schemas.pipelines import SCENE
from schemas.work.attempt import Token
from schemas.work.progress import Snapshot, Worker, WorkerCall
from tests.support.runs import runs
from vaengine.run_loop.batch_run import BatchRun
from vaengine.run_loop.evictions import PATIENCE, StuckPass, evictions
from vaengine.run_loop.run_loop import RunLoop
from vaengine.run_loop.stop_request import StopRequest

ANN, BOB = Worker("node", "here", 1), Worker("other", "there", 2)
SILENT_S = 30.0
CALL = WorkerCall(BOB, ("v[0,1)",), 5.0, stalled=False)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def status(
    *calls: WorkerCall,
    silent: tuple[SilentWorker, ...] = (),
    frames: int = 0,
    in_work: int = 1,
    breaks: int = 0,
) -> RunStatus:
    snapshot = Snapshot(frames_done=frames, in_work=in_work)
    return RunStatus(snapshot, None, (), calls, plan_lost=False, silent=silent, breaks=breaks)


def reasons(status: RunStatus, *, too_large: Worker | None = None) -> dict[Worker, str]:
    return {one.worker: one.reason for one in evictions(status, lambda worker: worker == too_large)}


def test_a_worker_is_evicted_for_silence_for_a_call_that_hangs_or_for_its_memory_and_named_once() -> None:
    silent = SilentWorker(ANN, ("v[1,2)",), 31.4)
    hangs = WorkerCall(ANN, ("v[1,2)",), 301.0, stalled=True)
    assert reasons(status(CALL)) == {}
    assert reasons(status(CALL, hangs, silent=(silent,)), too_large=BOB) == {
        ANN: "no sign of life for 31 s (engine.worker_silent_seconds)",
        BOB: "too much memory taken (recovery.alone_memory_mb)",
    }
    assert reasons(status(hangs)) == {ANN: "no sign of progress for 301 s (recovery.alone_seconds)"}


def test_an_eviction_says_who_and_why_and_what_becomes_of_the_work() -> None:
    (one,) = evictions(status(silent=(SilentWorker(ANN, ("v[1,2)",), 31.4),)), lambda worker: False)
    assert str(one) == (
        "here:1: no sign of life for 31 s (engine.worker_silent_seconds); what it held is done again"
    )


@pytest.mark.parametrize(
    ("evicted", "breaks", "last", "is_stuck"),
    [
        (True, 0, status(), True),
        (False, 1, status(breaks=1), True),
        (False, 0, status(), False),  # nothing went wrong: a cluster may still grow
        (True, 0, status(CALL), False),  # somebody is at work
        (True, 0, status(frames=25), False),  # something has just been stored
    ],
)
def test_a_pass_is_given_up_only_where_a_worker_was_lost_nobody_works_and_nothing_moves(
    evicted: bool, breaks: int, last: RunStatus, is_stuck: bool
) -> None:
    clock = Clock()
    one = StuckPass(SILENT_S, clock)
    one.begin()
    assert not one.is_stuck(status())
    if evicted:
        one.evicted()
    clock.now += SILENT_S * PATIENCE
    assert not one.is_stuck(status(breaks=breaks))
    clock.now += 0.1
    assert one.is_stuck(last) is is_stuck


def test_what_happened_in_one_pass_is_not_held_against_the_next() -> None:
    clock = Clock()
    one = StuckPass(SILENT_S, clock)
    one.evicted()
    one.begin()
    one.is_stuck(status(breaks=3))
    clock.now += 10 * SILENT_S
    assert not one.is_stuck(status(breaks=3))


class Evicting(RunLoop):
    """A run loop with a real coordinator and finalizers that note what they are told to refuse."""

    def __init__(self, folder: Path, coordinator: Coordinator) -> None:
        self.refused: list[Token] = []
        self.ended: list[Worker] = []
        session = SimpleNamespace(node_id="node")
        backend: Any = SimpleNamespace(
            **dict.fromkeys(("pass_works", "shortage", "is_outgrown")),
            session=session,
            end_worker=self.ended.append,
        )
        request = runs.request([], folder, pipelines=[SCENE])
        nobody: Any = None
        super().__init__(BatchRun(request, nobody, nobody, nobody, nobody, StopRequest(), nobody), backend)
        group = SimpleNamespace(coordinator=coordinator, fence=self.refused.extend)
        self._actors: Any = SimpleNamespace(actor_group=group)


def test_what_a_silent_worker_holds_is_taken_refused_at_the_finalizers_and_the_worker_ended(
    tmp_path: Path,
) -> None:
    clock, token = Clock(), Token("v[0,1)", "v", 1)
    coordinator = Coordinator(worker_silent_s=SILENT_S, clock=clock)
    loop = Evicting(tmp_path, coordinator)
    coordinator.started(token, BOB)
    loop._evict(coordinator.status())
    assert (loop.refused, loop.ended) == ([], [])
    clock.now = SILENT_S + 1
    for _ in range(2):
        loop._evict(coordinator.status())
    assert (loop.refused, loop.ended, loop._taken) == ([token], [BOB], ["v[0,1)"])
    assert coordinator.in_work() == []
