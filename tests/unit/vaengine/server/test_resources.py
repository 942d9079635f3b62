"""Samples of the load: of this machine, and of other nodes where there are any."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from vaengine.server import resources
from vaengine.server.resources import ResourceLog, Sample, node_sample

OTHER = Sample(7, "node-b", 50.0, 1, 2, 3, 4, None, ((None, 5, 6),))


def _log(folder: Path) -> ResourceLog:
    return ResourceLog(folder, f"sqlite:///{folder}/batch_processing.db")


def test_other_nodes_are_sampled_at_the_time_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "measured_elsewhere", lambda *_: [OTHER])
    own = _log(tmp_path).sample()
    kept = _log(tmp_path).samples(0)  # of the file
    assert {sample.node: sample for sample in kept} == {own.node: own, "node-b": replace(OTHER, at=own.at)}


def test_a_long_time_is_thinned_out_by_times_so_that_no_node_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "MAX_POINTS", 3)
    monkeypatch.setattr(resources, "measured_elsewhere", lambda *_: [OTHER])
    log = _log(tmp_path)
    for second in range(1, 8):
        monkeypatch.setattr(resources.time, "time", lambda at=second: float(at))
        log.sample()
    found = log.samples(0)
    assert sorted({sample.at for sample in found}) == [1, 4, 7]
    assert len(found) == 6


def test_without_ray_there_are_no_other_nodes(tmp_path: Path) -> None:
    log = _log(tmp_path)
    log.sample()
    assert len(log.samples(0)) == 1


def test_a_node_measures_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "MEASURED_S", 0.05)
    sample = node_sample()
    assert 0 < sample.memory_used <= sample.memory_total
    assert (sample.store_bytes, sample.disk_used > 0) == (None, True)
