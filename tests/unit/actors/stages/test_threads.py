"""One number of threads for all libraries of a process."""

from __future__ import annotations

import os
from collections.abc import Iterator

import cv2
import pytest

from actors.stages.threads import VARIABLES, Threads, limit_threads


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    import torch

    for name in VARIABLES:
        monkeypatch.setenv(name, "1")
    before = cv2.getNumThreads(), torch.get_num_threads()
    yield
    cv2.setNumThreads(before[0])
    torch.set_num_threads(before[1])


@pytest.mark.parametrize("threads", [1, 2])
def test_libraries_already_imported_and_those_to_come_are_held_to_the_same_number(threads: int) -> None:
    import torch

    assert limit_threads(threads) == Threads(decoder=threads, model=threads)
    assert cv2.getNumThreads() == threads
    assert torch.get_num_threads() == threads
    assert {os.environ[name] for name in VARIABLES} == {str(threads)}


def test_no_thread_at_all_is_refused_before_anything_is_set() -> None:
    with pytest.raises(ValueError, match="without a thread"):
        limit_threads(0)
    assert {os.environ[name] for name in VARIABLES} == {"1"}
