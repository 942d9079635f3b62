"""Questions to a cluster's control store (GCS), without Ray: whether it answers, and what it says of itself.

Ray's own client waits 20 s for an answer, never says why there is none, and logs past Python.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, TypeVar

from cluster.connection.token import Token
from cluster.connection.versions import Versions

# The parts of Ray's messages that are read here, by Ray's names and numbers (its gcs_service.proto and
# gcs.proto). Its own modules for them cannot be imported without all of Ray, which takes seconds.
_SCHEMA: Final = """
name: "vaengine/gcs.proto" package: "vaengine.gcs" syntax: "proto3"
message_type { name: "Empty" }
message_type { name: "CheckAliveReply"
  field { name: "ray_version" number: 2 type: TYPE_STRING label: LABEL_OPTIONAL } }
message_type { name: "InternalKVGetRequest"
  field { name: "key" number: 1 type: TYPE_BYTES label: LABEL_OPTIONAL }
  field { name: "namespace" number: 2 type: TYPE_BYTES label: LABEL_OPTIONAL } }
message_type { name: "InternalKVGetReply"
  field { name: "value" number: 2 type: TYPE_BYTES label: LABEL_OPTIONAL } }
message_type { name: "GcsNodeInfo"
  field { name: "node_id" number: 1 type: TYPE_BYTES label: LABEL_OPTIONAL }
  field { name: "state" number: 7 type: TYPE_INT32 label: LABEL_OPTIONAL } }
message_type { name: "GetAllNodeInfoReply"
  field { name: "node_info_list" number: 2 type: TYPE_MESSAGE label: LABEL_REPEATED
          type_name: ".vaengine.gcs.GcsNodeInfo" } }
"""
_ALIVE: Final = 0  # GcsNodeInfo.GcsNodeState
_CHECK_ALIVE: Final = "/ray.rpc.NodeInfoGcsService/CheckAlive"
_CLIENT_SERVICE: Final = "/ray.rpc.RayletDriver/KVExists"  # of Ray Client, which looks at the token first
_ALL_NODES: Final = "/ray.rpc.NodeInfoGcsService/GetAllNodeInfo"
_KV_GET: Final = "/ray.rpc.InternalKVGcsService/InternalKVGet"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a health check: the name of its gRPC status, its words, and Ray's version with "OK"."""

    status: str
    details: str = ""
    ray_version: str = ""


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """What a cluster says of itself.

    `ends_with_driver`: a process started it for itself by `ray.init`. `node_ids` are those of nodes that
    are alive, in hexadecimal. `job_server` is HOST:PORT, None where it has none.
    """

    versions: Versions
    ends_with_driver: bool = False
    node_ids: frozenset[str] = field(default_factory=frozenset)
    job_server: str | None = None


def check_alive(target: str, token: Token | None, timeout_s: float) -> Answer:
    """What the server at HOST:PORT answers to Ray's own health check.

    Ray Client's answers "UNIMPLEMENTED", and looks at no token for that. So it is asked once more, for what
    it has.
    """

    import grpc

    def answer(method: str, reply: str) -> Answer:
        try:
            found = _asked(target, token, timeout_s, lambda ask: ask(method, _message("Empty"), reply))
        except grpc.RpcError as error:
            return Answer(error.code().name, error.details() or "")
        return Answer("OK", ray_version=getattr(found, "ray_version", ""))

    health = answer(_CHECK_ALIVE, "CheckAliveReply")
    if health.status != "UNIMPLEMENTED":
        return health
    service = answer(_CLIENT_SERVICE, "Empty")
    return service if service.status == "UNAUTHENTICATED" else health


def ask_facts(target: str, token: Token | None, timeout_s: float) -> ClusterFacts:
    """What the cluster says of itself, all of it within `timeout_s`.

    Raises `ConnectionError` where it does not answer as Ray does.
    """
    import grpc

    def facts(ask: Callable[..., Any]) -> ClusterFacts:
        def value(namespace: bytes, key: bytes) -> bytes:
            request = _message("InternalKVGetRequest", key=key, namespace=namespace)
            return bytes(ask(_KV_GET, request, "InternalKVGetReply").value)

        about = json.loads(value(b"cluster", b"CLUSTER_METADATA") or b"{}")
        nodes = ask(_ALL_NODES, _message("Empty"), "GetAllNodeInfoReply").node_info_list
        return ClusterFacts(
            Versions(about.get("ray_version", ""), about.get("python_version", "")),
            bool(about.get("ray_init_cluster")),
            frozenset(node.node_id.hex() for node in nodes if node.state == _ALIVE),
            value(b"dashboard", b"dashboard").decode() or None,
        )

    try:
        return _asked(target, token, timeout_s, facts)
    except grpc.RpcError as error:
        raise ConnectionError(error.code().name) from error
    except ValueError as error:  # of JSON or UTF-8
        raise ConnectionError("its answer is none of Ray's") from error


@cache
def _messages() -> dict[str, Any]:
    from google.protobuf import descriptor_pb2, message_factory, text_format

    found: dict[str, Any] = message_factory.GetMessages(
        [text_format.Parse(_SCHEMA, descriptor_pb2.FileDescriptorProto())]
    )
    return found


def _message(name: str, **values: Any) -> Any:
    return _messages()[f"vaengine.gcs.{name}"](**values)


def _asked(
    target: str, token: Token | None, timeout_s: float, questions: Callable[[Callable[..., Any]], T]
) -> T:
    import grpc

    deadline_s = time.monotonic() + timeout_s
    metadata = [("authorization", f"Bearer {token.value}")] if token else []
    with grpc.insecure_channel(target, [("grpc.enable_http_proxy", 0)]) as channel:

        def ask(method: str, request: Any, reply: str) -> Any:
            call = channel.unary_unary(
                method,
                request_serializer=type(request).SerializeToString,
                response_deserializer=_messages()[f"vaengine.gcs.{reply}"].FromString,
            )
            left_s = max(0.1, deadline_s - time.monotonic())
            return call(request, timeout=left_s, metadata=metadata)

        return questions(ask)
