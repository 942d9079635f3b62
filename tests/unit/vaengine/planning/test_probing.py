"""Files are probed ahead of the work, but not without end."""

from __future__ import annotations

import threading

import pytest

from tests.support.fake_videos import Clip
from vaengine.planning import probing
from vaengine.planning.probing import MAX_PROBERS, ProbedVideo, Probing

PATHS = [f"/films/{number:03}.mp4" for number in range(60)]
VIDEO = Clip().video


class FakeProber:
    """Counts what it was asked."""

    asked: list[str]
    lock = threading.Lock()

    def probe(self, path: str, **told: object) -> ProbedVideo:
        with self.lock:
            self.asked.append(path)
        return ProbedVideo(path, path, path, video=VIDEO)

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    FakeProber.asked = []
    monkeypatch.setattr(probing, "Prober", FakeProber)
    monkeypatch.setattr(probing, "MAX_READY", 3)
    monkeypatch.setattr(probing, "CANCEL_LOOK_S", 0.01)
    return FakeProber.asked


def test_all_files_come_each_once_and_few_before_they_are_taken(asked: list[str]) -> None:
    found = Probing(PATHS, {})
    taken = [one.path for one in found.page(1, 1.0)]
    assert len(asked) <= len(taken) + 3 + MAX_PROBERS
    while not found.exhausted:
        taken += [one.path for one in found.page(1, 1.0)]
    found.close()
    assert sorted(taken) == PATHS
    assert sorted(asked) == PATHS


def test_nothing_more_is_probed_once_it_is_closed(asked: list[str]) -> None:
    found = Probing(PATHS, {})
    found.page(1, 1.0)
    found.close()
    found._pool.shutdown()
    assert len(asked) < len(PATHS)
