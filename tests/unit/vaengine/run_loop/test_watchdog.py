"""A run that stands still says what is in work, what Ray is short of and who waits for it; one that moves
says nothing.
"""

from __future__ import annotations

from actors.coordination.coordinator import RunStatus
from cluster.diagnosis import GIB, Shortage
from schemas.work.progress import Snapshot, Worker, WorkerCall
from vaengine.run_loop.watchdog import Watchdog

SHORT = Shortage(
    {"CPU": 2.0, "object_store_memory": float(GIB), "node:10.0.0.1": 1.0},
    {"CPU": 0.0, "object_store_memory": GIB / 2},
    waiting=(("1 CPU", 2),),
    pending={"VisionStage": 2},
)
HELD = WorkerCall(Worker("node", "here", 7), ("v[0,1)~aa",), 61.0, stalled=False)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def standing(frames: int, *calls: WorkerCall) -> RunStatus:
    return RunStatus(Snapshot(frames_done=frames), None, (), calls, plan_lost=False)


def watchdog(look: Shortage = SHORT) -> tuple[Watchdog, Clock, list[str]]:
    clock, said = Clock(), list[str]()
    return Watchdog(60.0, clock=clock, look=lambda: look, warn=said.append), clock, said


def test_it_is_silent_as_long_as_anything_moves() -> None:
    dog, clock, said = watchdog()
    for minute in range(10):
        clock.now = 59.0 * minute
        dog.look(standing(minute + 1))
    assert said == []


def test_after_its_patience_it_says_what_is_in_work_and_who_waits_for_what_and_what_to_do() -> None:
    dog, clock, said = watchdog()
    clock.now = 60.0
    dog.look(standing(0, HELD))
    assert said == [
        "no progress for 60 s (engine.watchdog_seconds); the run goes on waiting, and this is how it stands:",
        "in work: here:7 over v[0,1)~aa, silent for 61 s",
        "free: 0 of 2 CPU, 0.5 GiB of 1.0 GiB object_store_memory",
        "actor VisionStage: 2 wait to be started",
        "2 wait for 1 CPU",
        "cure: fewer --workers, more CPUs or GPUs for the cluster, or end what else runs on it (`ray status` "
        "lists it)",
    ]


def test_it_says_so_again_only_after_its_patience_has_passed_again() -> None:
    dog, clock, said = watchdog()
    for second in range(60, 121):
        clock.now = float(second)
        dog.look(standing(0))
    assert sum(line.startswith("no progress") for line in said) == 2
    assert said[1] == "in work: nothing; no worker has begun a chunk"


def test_where_nobody_waits_there_is_no_cure_to_tell() -> None:
    assert Shortage({"CPU": 2.0}, {"CPU": 1.5}).lines() == ["free: 1.5 of 2 CPU"]
