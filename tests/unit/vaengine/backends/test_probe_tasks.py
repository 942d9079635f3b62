"""Who probes which file where a cluster helps."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from schemas.errors import Unreadable
from schemas.media.video import Video
from tests.support.stores.fake_videos import Clip
from vaengine.backends.probe_tasks import FILES_PER_TASK, TASK_TIMEOUT_S, Answers, ProbeTasks
from vaengine.planning import probing
from vaengine.planning.prober import ProbedVideo, Question
from vaengine.planning.probing import Probing

PATHS = [f"/films/{number:03}.mp4" for number in range(10 * FILES_PER_TASK)]
VIDEO = Clip().video


def found(path: str) -> ProbedVideo:
    return ProbedVideo(path, path, path, video=VIDEO)


class HereProber:
    """This machine; `begins` holds it up until the cluster has taken what it wanted."""

    probed: list[str]
    begins = threading.Event()

    def probe(self, path: str, **_: object) -> ProbedVideo:
        self.begins.wait(10)
        self.probed.append(path)
        return found(path)

    def close(self) -> None:
        """Nothing is open."""


class FakeTasks:
    """Machines that answer at once, with what `answer` says, None for a lost task."""

    def __init__(self, nodes: int = 3) -> None:
        self._nodes, self.asked, self.cancelled = nodes, [], 0
        self.is_silent = False
        self.unreadable: set[str] = set()
        self.lost: set[int] = set()
        self.gone_after = 1000

    def nodes(self) -> int:
        return self._nodes

    def start(self, questions: Sequence[Question]) -> Any:
        if len(self.asked) == self.gone_after:
            raise ConnectionError("the head is gone\nand more")
        self.asked.append([question.path for question in questions])
        return len(self.asked) - 1

    def done(self, references: Sequence[Any], timeout_s: float) -> Sequence[Any]:
        return [] if self.is_silent else list(references)

    def answers(self, reference: Any) -> Answers | None:
        if reference in self.lost:
            return None
        return [self._answer(path) for path in self.asked[reference]]

    def _answer(self, path: str) -> ProbedVideo:
        if path in self.unreadable:
            return ProbedVideo(path, path, path, error=Unreadable(path, "No such file or directory"))
        return found(path)

    def cancel(self, reference: Any) -> None:
        self.cancelled += 1


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> type[HereProber]:
    HereProber.probed, HereProber.begins = [], threading.Event()
    monkeypatch.setattr(probing, "Prober", HereProber)
    return HereProber


def all_of(probed: Probing, tasks: FakeTasks, **told: Any) -> list[str]:
    """Paths of all pages, once the cluster has taken what it wanted; each has its video."""
    helping = ProbeTasks(probed, tasks, **told)
    HereProber.begins.set() if tasks.nodes() == 1 else threading.Timer(0.05, HereProber.begins.set).start()
    paths: list[str] = []
    while not probed.exhausted:
        page = probed.page(1000, 1.0)
        assert all(one.video for one in page)
        paths += [one.path for one in page]
    helping.close()
    probed.close()
    return sorted(paths)


def nothing_known(_paths: Sequence[str]) -> dict[str, Video]:
    return {}


def test_machines_of_a_cluster_probe_what_waits_and_this_one_leaves_it_to_them() -> None:
    tasks = FakeTasks()
    assert all_of(Probing(PATHS, nothing_known), tasks) == PATHS
    assert len(HereProber.probed) <= probing.MAX_PROBERS
    assert sorted([*HereProber.probed, *itertools.chain(*tasks.asked)]) == PATHS, "each once"
    assert max(map(len, tasks.asked)) == FILES_PER_TASK


def test_a_cluster_of_this_machine_alone_is_asked_nothing() -> None:
    tasks = FakeTasks(nodes=1)
    assert all_of(Probing(PATHS, nothing_known), tasks) == PATHS
    assert tasks.asked == []


def test_what_a_machine_cannot_read_or_was_lost_with_is_probed_here() -> None:
    tasks = FakeTasks()
    tasks.unreadable, tasks.lost = set(PATHS[40:42]), {0}
    assert all_of(Probing(PATHS, nothing_known), tasks) == PATHS
    assert {*PATHS[40:42], *tasks.asked[0]} <= set(HereProber.probed)


def test_what_does_not_come_back_in_time_is_probed_here() -> None:
    tasks, now_s = FakeTasks(), iter(range(0, 10**9, int(TASK_TIMEOUT_S) // 2))
    tasks.is_silent = True
    assert all_of(Probing(PATHS, nothing_known), tasks, clock=lambda: float(next(now_s))) == PATHS
    assert tasks.cancelled == len(tasks.asked) > 0


def test_without_its_cluster_this_machine_probes_the_rest() -> None:
    tasks = FakeTasks()
    tasks.gone_after = 3
    assert all_of(Probing(PATHS, nothing_known), tasks) == PATHS
    assert len(HereProber.probed) > len(PATHS) - 4 * FILES_PER_TASK


def test_of_an_unchanged_file_that_is_known_the_store_s_video_comes() -> None:
    known = dict.fromkeys(PATHS, VIDEO)
    asked: list[Question] = []

    class Unchanged(FakeTasks):
        def start(self, questions: Sequence[Question]) -> Any:
            asked.extend(questions)
            return super().start(questions)

        def answers(self, reference: Any) -> Answers:
            return [None for _ in self.asked[reference]]

    probed = Probing(PATHS, lambda paths: {path: known[path] for path in paths}, sound=False)
    assert all_of(probed, Unchanged()) == PATHS
    assert all(one.facts and one.fingerprint == VIDEO.fingerprint and one.is_sufficient for one in asked)
