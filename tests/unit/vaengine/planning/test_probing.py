"""Files are probed ahead of the work, but not without end."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from schemas.errors import StoreUnreachable
from schemas.media.video import Video
from tests.support.stores.fake_videos import Clip
from vaengine.planning import probing
from vaengine.planning.prober import ProbedVideo
from vaengine.planning.probing import MAX_PROBERS, Probing

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


def known_as_nothing(paths: Sequence[str]) -> dict[str, Video]:
    return {}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    FakeProber.asked = []
    monkeypatch.setattr(probing, "Prober", FakeProber)
    monkeypatch.setattr(probing, "MAX_READY", 3)
    monkeypatch.setattr(probing, "CANCEL_LOOK_S", 0.01)
    return FakeProber.asked


def test_all_files_come_each_once_and_few_before_they_are_taken(asked: list[str]) -> None:
    found = Probing(PATHS, known_as_nothing)
    taken = [one.path for one in found.page(1, 1.0)]
    assert len(asked) <= len(taken) + 3 + MAX_PROBERS
    while not found.exhausted:
        taken += [one.path for one in found.page(1, 1.0)]
    found.close()
    assert sorted(taken) == PATHS
    assert sorted(asked) == PATHS


def test_nothing_more_is_probed_once_it_is_closed(asked: list[str]) -> None:
    found = Probing(PATHS, known_as_nothing)
    found.page(1, 1.0)
    found.close()
    found._pool.shutdown()
    assert len(asked) < len(PATHS)


def test_a_store_is_asked_for_a_few_paths_at_a_time_in_their_order(
    asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probing, "KNOWN_VIDEOS", 10)
    questions: list[Sequence[str]] = []

    def known(paths: Sequence[str]) -> dict[str, Video]:
        questions.append(paths)
        return {}

    found = Probing(PATHS, known)
    found.page(1, 1.0)
    assert len(questions) < len(PATHS) / 10, "not all at the beginning"
    while not found.exhausted:
        found.page(1000, 1.0)
    found.close()
    assert questions == [PATHS[start : start + 10] for start in range(0, len(PATHS), 10)]


def test_a_store_that_fails_while_it_is_asked_is_told_where_the_page_is_awaited(asked: list[str]) -> None:
    def known(_paths: Sequence[str]) -> dict[str, Video]:
        raise StoreUnreachable("sqlite:///s.db", "the disk is gone")

    found = Probing(PATHS, known)
    with pytest.raises(StoreUnreachable, match="the disk is gone"):
        found.page(1, 1.0)
    found.close()


def test_pages_grow_from_a_small_first_one_to_the_largest_allowed(
    asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probing, "FIRST_PAGE_CHUNKS", 4)
    found = Probing(PATHS, known_as_nothing)
    lengths = []
    while not found.exhausted:
        lengths.append(len(found.page(20, VIDEO.duration_s)))
    found.close()
    assert lengths == [4, 8, 16, 20, 12]
