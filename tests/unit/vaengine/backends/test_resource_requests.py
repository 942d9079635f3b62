"""What a run requests from an autoscaler follows its work, within limits, and is given back."""

from __future__ import annotations

import logging

import pytest

from cluster.autoscaling import PATIENCE_S, Resources
from cluster.inventory import Node
from schemas.settings.settings import EngineSettings
from vaengine.backends.resource_requests import ResourceRequests

FOUR = [Node("a", 4)]
NONE = Resources()


class Missing(list[Resources]):
    """What is missing, each time it changes."""

    def wait_for(self, missing: Resources, _there: Resources) -> None:
        if not self or self[-1] != missing:
            self.append(missing)


def requests(
    reported: Resources | None, *, uses_gpu: bool = False, **engine: float
) -> tuple[ResourceRequests, Missing]:
    missing = Missing()
    settings = EngineSettings(**engine)
    return ResourceRequests(reported, settings, uses_gpu=uses_gpu, wait_for=missing.wait_for), missing


def test_nodes_are_waited_for_until_they_are_there_or_the_work_is_done() -> None:
    asked, missing = requests(Resources(64))
    for now_s in (0.0, 2.0, 4.0):
        asked.follow(400, 0, 0, (), now_s)
    asked.follow(400, 4, 4, FOUR, 6.0)
    asked.follow(20, 4, 4, FOUR, 8.0)
    asked.follow(0, 4, 1, FOUR, 10.0)
    asked.follow(400, 4, 4, FOUR, 12.0)
    asked.release()
    assert missing == [Resources(64), Resources(60), Resources(2), NONE, Resources(60), NONE]


def test_where_the_cluster_does_not_say_what_it_may_have_the_work_alone_is_the_limit() -> None:
    asked, missing = requests(None, uses_gpu=True)
    asked.follow(400, 0, 0, (), 0.0)
    assert missing == [Resources(100)]
    assert not asked.may_add_gpus, "models would wait for them for ever"


def test_settings_bound_what_is_requested() -> None:
    asked, missing = requests(Resources(64, 2), min_cpus=8, max_cpus=16)
    asked.follow(400, 0, 0, (), 0.0)
    asked.follow(1, 4, 4, FOUR, 2.0)
    assert missing == [Resources(16), Resources(4)]
    assert asked.may_add_gpus


@pytest.mark.parametrize("reported", [Resources(64, 8), None])
def test_gpus_are_requested_up_to_the_limit_of_the_batch(reported: Resources | None) -> None:
    asked, missing = requests(reported, uses_gpu=True, max_cpus=64, max_gpus=2)
    asked.follow(4000, 0, 0, (), 0.0)
    assert missing == [Resources(64, 2)]
    assert asked.may_add_gpus


def test_that_no_node_comes_is_noted_once(caplog: pytest.LogCaptureFixture) -> None:
    asked, missing = requests(Resources(64))
    with caplog.at_level(logging.INFO):
        for now_s in (0.0, PATIENCE_S, PATIENCE_S + 2, PATIENCE_S + 4):
            asked.follow(400, 4, 4, FOUR, now_s)
    assert missing == [Resources(60), NONE]
    notes = [record.message for record in caplog.records if "no node" in record.message]
    assert notes == ["no node has come: nothing more is requested for 300 s; 4 CPUs, 0 GPUs are there"]
