"""Requests to an autoscaler are sent when they change, and given back."""

from __future__ import annotations

import logging

import pytest

from cluster.autoscaling import PATIENCE_S, Resources
from cluster.inventory import Node
from schemas.settings.settings import EngineSettings
from vaengine.backends.resource_requests import ResourceRequests

FOUR = [Node("a", 4)]


def requests(
    most: Resources | None, *, uses_gpu: bool = False, **engine: float
) -> tuple[ResourceRequests, list[Resources]]:
    sent: list[Resources] = []
    return ResourceRequests(most, EngineSettings(**engine), uses_gpu=uses_gpu, send=sent.append), sent


def test_a_request_is_sent_once_and_released_at_the_end() -> None:
    asked, sent = requests(Resources(64))
    for now_s in (0.0, 2.0, 4.0):
        asked.follow(400, 0, 0, (), now_s)
    asked.follow(0, 4, 0, FOUR, 6.0)
    asked.follow(20, 4, 4, FOUR, 8.0)
    asked.release()
    asked.release()
    assert sent == [Resources(64), Resources(), Resources(6), Resources()]


def test_without_an_autoscaler_nothing_is_requested() -> None:
    asked, sent = requests(None)
    asked.follow(400, 0, 0, (), 0.0)
    asked.release()
    assert sent == []
    assert not asked.may_add_gpus


def test_settings_bound_what_is_requested() -> None:
    asked, sent = requests(Resources(64, 2), min_cpus=8, max_cpus=16)
    asked.follow(400, 0, 0, (), 0.0)
    asked.follow(1, 4, 4, [Node("a", 16)], 2.0)
    assert sent == [Resources(16), Resources(8)]
    assert asked.may_add_gpus


def test_gpus_are_bound_too() -> None:
    asked, sent = requests(Resources(64, 8), uses_gpu=True, max_gpus=2)
    asked.follow(4000, 0, 0, (), 0.0)
    assert sent == [Resources(64, 2)]


def test_nodes_that_do_not_come_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    asked, sent = requests(Resources(64))
    with caplog.at_level(logging.WARNING):
        for now_s in (0.0, PATIENCE_S, PATIENCE_S + 2, PATIENCE_S + 4):
            asked.follow(400, 4, 4, FOUR, now_s)
    assert sent == [Resources(64), Resources(4)]
    assert [record.message for record in caplog.records] == [
        "nodes that were requested do not come: nothing more is requested for 300 s; 4 CPUs, 0 GPUs are there"
    ]
