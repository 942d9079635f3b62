"""The load of other nodes, on a Ray of two."""

from __future__ import annotations

import pytest

from cluster.node_load import measured_elsewhere
from vaengine.server.resources import node_sample

pytestmark = [pytest.mark.long, pytest.mark.ray, pytest.mark.timeout(900)]
STORE_BYTES = 80 * 2**20


def test_every_other_node_measures_itself_whatever_is_at_work_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_raylet_start_wait_time_s", "380")
    node = {"num_cpus": 1, "object_store_memory": STORE_BYTES}
    cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    try:
        cluster.add_node(**node)
        ray.init(address=cluster.address, log_to_driver=False)

        @ray.remote(num_cpus=1)
        class Busy:
            """Holds a processor."""

            def is_there(self) -> bool:
                return True

        busy = [Busy.remote() for _ in range(2)]
        assert ray.get([one.is_there.remote() for one in busy]) == [True, True]
        [sample] = measured_elsewhere(node_sample, 240.0)
        assert 0 < sample.memory_used <= sample.memory_total
    finally:
        ray.shutdown()
        cluster.shutdown()
    assert measured_elsewhere(node_sample, 1.0) == []
