"""What workers, finalizers and the driver say to a run's actors arrives there under its own name, whoever
carries it.
"""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from actors.coordination.coordinator import Coordinator
from actors.coordination.coordinator_link import CoordinatorLink
from actors.coordination.links import DirectLinks
from actors.coordination.store_client import StoreClient
from schemas.storage.backend import StorageBackend
from schemas.work.progress import PlannedVideo, Worker
from tests.unit.vaengine.planning import test_plan
from vaengine.backends.actor_group import CoordinatorClient
from vaengine.planning.plan import chunk_spec

WORKER = Worker("node", "host", 7)
EVENTS = sorted(
    name for name, _ in inspect.getmembers(CoordinatorLink, inspect.isfunction) if not name.startswith("_")
)
ABSTRACT = sorted(StorageBackend.__abstractmethods__ - {"close"})


@dataclass
class Called:
    """Stands for an actor, or for a call to a store: notes what it is asked."""

    calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = field(default_factory=list)

    def __call__(self, method: str, *args: Any, **kwargs: Any) -> list[Any]:
        self.calls.append((method, args, kwargs))
        return []

    def __getattr__(self, method: str) -> Any:
        """A method that may be called here, or on Ray by `remote`."""

        def call(*args: Any, **kwargs: Any) -> list[Any]:
            return self(method, *args, **kwargs)

        call.remote = call  # type: ignore[attr-defined]
        return call


def made_up(method: Any) -> tuple[list[object], dict[str, object]]:
    """A value for each parameter."""
    parameters = list(inspect.signature(method).parameters.values())
    keywords = {one.name: object() for one in parameters if one.kind is inspect.Parameter.KEYWORD_ONLY}
    return [object() for one in parameters if one.kind is not inspect.Parameter.KEYWORD_ONLY], keywords


def parameters(method: Any) -> list[str]:
    """Their names, without the one that Ray gives to a class of which it made an actor in this process."""
    return [name for name in inspect.signature(method).parameters if name != "_ray_trace_ctx"]


IN_PARTS = {"each_annotation": "annotations"}  # what cannot travel, and what is asked for in its place


@pytest.mark.parametrize("name", sorted(set(ABSTRACT) - set(IN_PARTS)))
def test_every_method_of_a_store_reaches_the_one_behind_its_client(name: str) -> None:
    called = Called()
    method = getattr(StoreClient(called, "files:x"), name)
    args, kwargs = made_up(method)
    answer = method(*args, **kwargs)
    if isinstance(answer, Iterator):
        assert list(answer) == []
    assert called.calls == [(name, tuple(args), kwargs)]


@pytest.mark.parametrize(("name", "asked"), IN_PARTS.items())
def test_what_cannot_travel_is_asked_for_as_a_whole(name: str, asked: str) -> None:
    called = Called()
    assert list(getattr(StoreClient(called, "files:x"), name)("key", ["scene"])) == []
    assert called.calls == [(asked, ("key",), {})]


@pytest.mark.parametrize("name", EVENTS)
def test_every_event_and_question_reaches_the_coordinator(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vaengine.backends.actor_group.answer", lambda reference, require: reference)
    called = Called()
    method = getattr(CoordinatorClient(called), name)
    args, kwargs = made_up(method)
    method(*args, **kwargs)
    assert called.calls == [(name, tuple(args), kwargs)]
    assert parameters(method) == parameters(getattr(Coordinator(), name))


def test_links_by_reference_hand_on_what_a_worker_says_with_who_it_is() -> None:
    coordinator, finalizer = Called(), Called()
    links = DirectLinks(coordinator, finalizer, WORKER)  # type: ignore[arg-type]
    work = chunk_spec(test_plan.video(100, 25), 0, 100)
    links.started(work)
    links.busy(["a"], 2.0)
    links.idle()
    links.heartbeat("v", to_its_end=True)
    links.deliver([])
    assert [name for name, _, _ in coordinator.calls] == ["started", "busy", "idle", "heartbeat"]
    assert coordinator.calls[0][1] == (work.token, WORKER, work.keys)
    assert all(args[0] == WORKER for _, args, _ in coordinator.calls[1:])
    assert finalizer.calls == [("take", ([],), {})]


def test_a_coordinator_that_many_threads_tell_of_their_work_counts_every_event() -> None:
    coordinator, threads, each = Coordinator(), 8, 200
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        told = [
            threading.Thread(target=lambda: [coordinator.videos_without_work(skipped=1) for _ in range(each)])
            for _ in range(threads)
        ]
        for thread in told:
            thread.start()
        for thread in told:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert coordinator.snapshot().videos_skipped == threads * each


def test_a_planned_video_is_known_through_any_link() -> None:
    coordinator: CoordinatorLink = Coordinator()
    coordinator.planned([PlannedVideo("v", {}, 10, 1.0)])
    assert coordinator.status().snapshot.videos_total == 1
