"""The questions to a control store, answered with Ray's own messages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from ray.core.generated import gcs_pb2, gcs_service_pb2, gcs_service_pb2_grpc

from cluster.connection.gcs import Answer, ClusterFacts, ask_facts, check_alive
from cluster.connection.versions import Versions

METADATA = {"ray_version": "2.60.0", "python_version": "3.11.7", "ray_init_cluster": True}


class Nodes(gcs_service_pb2_grpc.NodeInfoGcsServiceServicer):
    def CheckAlive(self, request: object, context: object) -> object:
        return gcs_service_pb2.CheckAliveReply(ray_version="2.60.0")

    def GetAllNodeInfo(self, request: object, context: object) -> object:
        states = gcs_pb2.GcsNodeInfo.GcsNodeState
        nodes = [
            gcs_pb2.GcsNodeInfo(node_id=bytes([1, 255]), state=states.ALIVE, node_name="one"),
            gcs_pb2.GcsNodeInfo(node_id=bytes([2]), state=states.DEAD),
        ]
        return gcs_service_pb2.GetAllNodeInfoReply(node_info_list=nodes)


class Values(gcs_service_pb2_grpc.InternalKVGcsServiceServicer):
    values: dict[tuple[bytes, bytes], bytes] = {  # noqa: RUF012
        (b"cluster", b"CLUSTER_METADATA"): json.dumps(METADATA).encode(),
        (b"dashboard", b"dashboard"): b"10.0.0.1:8265",
    }

    def InternalKVGet(self, request: object, context: object) -> object:
        value = self.values.get((request.namespace, request.key), b"")  # type: ignore[attr-defined]
        return gcs_service_pb2.InternalKVGetReply(value=value)


@pytest.fixture(scope="module")
def control_store() -> Iterator[str]:
    with ThreadPoolExecutor(1) as pool:
        server = grpc.server(pool)
        gcs_service_pb2_grpc.add_NodeInfoGcsServiceServicer_to_server(Nodes(), server)
        gcs_service_pb2_grpc.add_InternalKVGcsServiceServicer_to_server(Values(), server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        yield f"127.0.0.1:{port}"
        server.stop(None).wait(10)


def test_rays_messages_are_read_as_ray_writes_them(control_store: str) -> None:
    assert check_alive(control_store, None, 5.0) == Answer("OK", ray_version="2.60.0")
    assert ask_facts(control_store, None, 5.0) == ClusterFacts(
        Versions("2.60.0", "3.11.7"),
        ends_with_driver=True,
        node_ids=frozenset({"01ff"}),
        job_server="10.0.0.1:8265",
    )


def test_what_a_cluster_does_not_say_is_unknown(control_store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Values, "values", {})
    facts = ask_facts(control_store, None, 5.0)
    assert (facts.versions, facts.ends_with_driver, facts.job_server) == (Versions("", ""), False, None)
