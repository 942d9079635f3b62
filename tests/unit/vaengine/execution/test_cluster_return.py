"""A run whose cluster lost its head waits for it, says so once, and says what to do where it stays away."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from schemas.errors import ClusterUnreachable, HeadLost, UsageError
from tests.support.runs import runs
from vaengine.execution.cluster_return import wait_for_return

ADDRESS = "10.0.0.1:6379"


def away(looks: int) -> Callable[[str], None]:
    """A head that does not answer the first so many times."""
    left = [looks]

    def look(address: str) -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise ClusterUnreachable(address, "connection refused")

    return look


def never() -> bool:
    return False


def test_a_head_that_comes_back_is_waited_for_and_the_wait_is_told_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    waits: list[float] = []
    request = runs.request([], tmp_path, cluster=ADDRESS)
    wait_for_return(request, never, look=away(3), wait=waits.append)
    assert len(waits) == 3
    assert capsys.readouterr().err.count(f"the cluster ({ADDRESS}) has lost its head") == 1


def test_a_head_that_answers_is_not_waited_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wait_for_return(runs.request([], tmp_path, cluster=ADDRESS), never, look=away(0))
    assert capsys.readouterr().err == ""


def test_a_head_that_stays_away_ends_the_run_with_one_line_that_says_how_to_go_on(tmp_path: Path) -> None:
    request = runs.request([], tmp_path, cluster=ADDRESS)
    with pytest.raises(HeadLost) as caught:
        wait_for_return(request, never, look=away(99), patience_s=0.0)
    assert not isinstance(caught.value, UsageError), "it is no wrong use: part of the work is done"
    assert str(caught.value) == (
        f"the head of the Ray cluster at {ADDRESS} is gone, and did not come back within 0 s; what was "
        "committed is kept: run the same command again once the cluster is back"
    )


def test_neither_a_stop_nor_a_ray_of_the_runs_own_is_held_up(tmp_path: Path) -> None:
    wait_for_return(runs.request([], tmp_path, cluster=ADDRESS), lambda: True, look=away(99))
    wait_for_return(runs.request([], tmp_path, cluster="local"), never, look=away(99))
