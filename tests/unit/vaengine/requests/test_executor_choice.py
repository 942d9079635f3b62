"""Which runs do without Ray: a table, by the work there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.settings.layers import Given
from vaengine.requests.executor_choice import (
    ALONE_CPUS,
    CLUSTER_VARIABLE,
    EITHER,
    NONE,
    OWN_RAY,
    RAY_START_S,
    SHORT_BYTES,
    ClusterOption,
    ExecutorChoice,
    PlannedWork,
    choose,
    is_short,
)


def planned(
    core_s: float, *, pieces: int = 1, is_whole: bool = True, uses_gpu: bool = False, cpus: float = 16
) -> PlannedWork:
    return PlannedWork(core_s, pieces, is_whole=is_whole, uses_gpu=uses_gpu, cpus=cpus)


@pytest.mark.parametrize(
    ("work", "cluster", "reason"),
    [
        (planned(0.0), NONE, "about 0 s of work, and Ray takes 9 s to start"),
        (planned(RAY_START_S), NONE, "about 9 s"),
        (planned(RAY_START_S + 0.1), OWN_RAY, "more than the 9 s"),
        (planned(2 * RAY_START_S, pieces=2), NONE, "about 9 s"),
        (planned(2 * RAY_START_S, pieces=1), OWN_RAY, "about 18 s"),
        (planned(16 * RAY_START_S, pieces=100, cpus=16), NONE, "about 9 s"),
        (planned(16 * RAY_START_S, pieces=100, cpus=12), OWN_RAY, "about 12 s"),
        (planned(1.0, is_whole=False), OWN_RAY, "more videos than were looked at"),
        (planned(1.0, uses_gpu=True), OWN_RAY, "GPUs"),
        (planned(1e6, pieces=1000, cpus=2), NONE, "this machine has 2 processors and no GPU"),
        (planned(1e6, pieces=1000, cpus=1), NONE, "1 processor and no GPU"),
        (planned(1e6, cpus=ALONE_CPUS, is_whole=False), NONE, "8 processors"),
        (planned(1e6, cpus=ALONE_CPUS + 1), OWN_RAY, "more than the 9 s"),
        (planned(1.0, cpus=2, uses_gpu=True), OWN_RAY, "GPUs"),
    ],
    ids=str,
)
def test_a_run_does_without_ray_on_a_small_machine_and_where_it_is_done_before_ray_would_have_begun(
    work: PlannedWork, cluster: str, reason: str
) -> None:
    choice = choose(work)
    assert choice.cluster == cluster
    assert reason in choice.reason


def test_the_line_says_where_the_work_is_done_and_why() -> None:
    assert (
        str(choose(planned(3.2)))
        == "works in this process, without Ray: about 3 s of work, and Ray takes 9 s to start"
    )
    assert str(choose(planned(99.0))).startswith("works on a Ray of its own: about 99 s of work")
    assert (
        str(ExecutorChoice("10.0.0.1:6379", "--cluster auto, found by RAY_ADDRESS"))
        == "works on the Ray at 10.0.0.1:6379: --cluster auto, found by RAY_ADDRESS"
    )


@pytest.mark.parametrize(
    ("option", "file", "environment", "cluster", "text"),
    [
        ("auto", "none", "local", "auto", "--cluster auto"),
        (None, "none", "local", "none", "cluster: none (b.yaml:3)"),
        (None, "", "local", "local", "VAENGINE_CLUSTER=local"),
        (None, None, "head:6379", "head:6379", "VAENGINE_CLUSTER=head:6379"),
        (None, None, "", EITHER, ""),
        (None, None, None, EITHER, ""),
    ],
)
def test_what_says_where_a_run_works_is_named_as_a_person_would_look_for_it(
    option: str | None, file: str | None, environment: str | None, cluster: str, text: str
) -> None:
    given = None if file is None else Given(file, "b.yaml:3")
    variables = {} if environment is None else {CLUSTER_VARIABLE: environment}
    assert ClusterOption.of(option, given, variables) == ClusterOption(cluster, text)


@pytest.mark.parametrize(
    "wrong", [{"core_s": -1.0}, {"core_s": 1.0, "pieces": -1}, {"core_s": 1.0, "cpus": 0}], ids=str
)
def test_work_that_cannot_be_is_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match="no such work"):
        planned(**wrong)


def test_small_files_are_probably_short_work_and_one_that_is_not_there_is_nothing(tmp_path: Path) -> None:
    small, large = tmp_path / "small.mp4", tmp_path / "large.mp4"
    small.write_bytes(b"x")
    with large.open("wb") as file:
        file.truncate(SHORT_BYTES)
    assert is_short([str(small), str(tmp_path / "gone.mp4")])
    assert not is_short([str(small), str(large)])
