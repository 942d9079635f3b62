"""When a pass no longer fits the machines, and which batches a cluster has: decided by values alone."""

from __future__ import annotations

import threading

import pytest

from cluster.inventory import Inventory
from cluster.placement import Placement
from vaengine.backends.capacity import SETTLED_SECONDS, Capacity, Outgrown
from vaengine.backends.tenants import is_coordinator, run_name

FOUR = Placement(4, 2, 0.5, 0.0)
PATIENCE_S = 30.0


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def is_outgrown(placed: Placement, possible: Placement, *, after_s: float = SETTLED_SECONDS) -> bool:
    clock = Clock()
    outgrown = Outgrown(clock)
    outgrown.look(placed, possible)
    clock.now += after_s
    return outgrown.look(placed, possible)


@pytest.mark.parametrize(
    ("possible", "expected"),
    [
        (FOUR, False),
        (Placement(3, 2, 0.5, 0.0), True),  # a node is drained, or another batch has come
        (Placement(4, 1, 0.5, 0.0), True),
        (Placement(5, 2, 0.5, 0.0), True),
        (Placement(4, 3, 0.5, 0.0), True),
        (Placement(4, 2, 0.4, 0.0), False),  # the same numbers
    ],
)
def test_a_pass_ends_early_where_the_run_may_use_less_or_clearly_more(
    possible: Placement, expected: bool
) -> None:
    assert is_outgrown(FOUR, possible) is expected


def test_a_little_more_of_much_is_not_worth_another_pass() -> None:
    assert not is_outgrown(Placement(100, 0, 0.5, 0.0), Placement(110, 0, 0.5, 0.0))
    assert is_outgrown(Placement(100, 0, 0.5, 0.0), Placement(125, 0, 0.5, 0.0))


def test_machines_that_come_and_go_are_waited_for_until_they_have_settled() -> None:
    assert not is_outgrown(FOUR, Placement(8, 2, 0.5, 0.0), after_s=SETTLED_SECONDS / 2)
    clock = Clock()
    outgrown = Outgrown(clock)
    for slots in range(5, 50):
        assert not outgrown.look(FOUR, Placement(slots, 2, 0.5, 0.0))
        clock.now += SETTLED_SECONDS / 2


def test_a_cluster_that_cannot_be_looked_at_or_has_no_machine_for_a_moment_counts_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("vaengine.backends.capacity.LOOK_SECONDS", 0.001)
    before, after = (Inventory(1, cpus, 0.0, 0, 0) for cpus in (4.0, 8.0))
    seen: list[Inventory] = []
    asked = threading.Semaphore(0)
    looks = iter([ConnectionError(), Inventory(0, 0.0, 0.0, 0, 0), after])

    def look() -> Inventory:
        seen.append(capacity.now())
        found = next(looks, after)
        asked.release()
        if isinstance(found, Exception):
            raise found
        return found

    capacity = Capacity(before, look)
    for _ in range(4):
        assert asked.acquire(timeout=PATIENCE_S)
    capacity.close()
    assert seen[:4] == [before, before, before, after]


def test_another_batch_is_known_by_the_name_of_its_coordinator_whatever_its_epoch() -> None:
    names = [f"{run_name(batch, epoch)}-coordinator" for batch in ("b-1", "b-2") for epoch in (1, 12)]
    assert [is_coordinator(name, beside="b-1") for name in names] == [False, False, True, True]
    for name in (f"{run_name('b-2', 1)}-store", "other-coordinator", "vaengine-b-coordinator"):
        assert not is_coordinator(name, beside="b-1")
