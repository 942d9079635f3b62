"""A cluster is known to answer before anything else is done; what is none is told within seconds, in one
line.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest

from cluster import session
from cluster.connection import connect
from cluster.connection.gcs import ClusterFacts
from cluster.connection.raylets import LocalRaylet
from cluster.connection.token import Token
from cluster.connection.versions import Versions, own_versions
from schemas.errors import ClusterUnreachable
from tests.support.media import clips
from tests.support.runs import runs
from vaengine.execution.engine import Engine
from vaengine.requests.executor_choice import EITHER
from vaengine.requests.running_cluster import found_cluster, require_shared_store

BANNERS = {
    "says nothing": b"",
    "an ssh server": b"SSH-2.0-OpenSSH_9.6\r\n",
    "a web server": b"HTTP/1.1 400 Bad Request\r\n\r\n",
}

# Frames of HTTP/2 (RFC 9113): length, kind, flags, stream.
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADERS = 1
SETTINGS = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
NOT_FOUND = b"\x00\x00\x01\x01\x05\x00\x00\x00\x01\x8d"  # headers that end stream 1: `:status` 404


@contextmanager
def answering(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that accepts every connection and talks like this."""
    held: list[socket.socket] = []
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                held.append(connection)
                with suppress(OSError):
                    talk(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join(10)
        for connection in held:
            connection.close()


def saying(banner: bytes) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(banner)


def knows_nobody(connection: socket.socket) -> None:
    """As a proxy does that takes connections to anywhere."""
    connection.sendall(SETTINGS)
    read = connection.makefile("rb").read
    if read(len(PREFACE)) != PREFACE:
        return
    while head := read(9):
        read(int.from_bytes(head[:3]))
        if head[3] == HEADERS:
            connection.sendall(NOT_FOUND)
            return


class Alive(grpc.GenericRpcHandler):
    """Ray's answer to its own health check, for those who have the token, after what a busy head takes."""

    def __init__(self, token: str | None = None, delay_s: float = 0.0) -> None:
        self._token, self._delay_s = token, delay_s

    def service(self, details: Any) -> Any:
        if not details.method.endswith("/CheckAlive"):
            return None
        time.sleep(self._delay_s)
        if self._token and ("authorization", f"Bearer {self._token}") not in details.invocation_metadata:
            return grpc.unary_unary_rpc_method_handler(
                lambda request, context: context.abort(grpc.StatusCode.UNAUTHENTICATED, "InvalidAuthToken")
            )
        return grpc.unary_unary_rpc_method_handler(lambda request, context: b"")


@contextmanager
def served(handler: grpc.GenericRpcHandler) -> Iterator[str]:
    """The address of a server with these methods."""
    with ThreadPoolExecutor(1) as pool:
        server = grpc.server(pool)
        server.add_generic_rpc_handlers([handler])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        yield f"127.0.0.1:{port}"
        server.stop(None).wait(10)


@pytest.fixture(scope="module")
def cluster_address() -> Iterator[str]:
    with served(Alive()) as address:
        yield address


@pytest.fixture(scope="module")
def guarded_address() -> Iterator[str]:
    """A head that asks for the token "right"."""
    with served(Alive("right")) as address:
        yield address


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "ANSWER_TIMEOUT_S", 1.0)
    monkeypatch.setattr(connect, "REACH_TIMEOUT_S", 1.0)
    for name in ("RAY_ADDRESS", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(connect, "own_token", lambda: None)
    monkeypatch.setattr(connect, "local_raylets", lambda: ())


STRANGERS = {name: saying(banner) for name, banner in BANNERS.items()} | {"a proxy": knows_nobody}


@pytest.mark.parametrize("talk", STRANGERS.values(), ids=STRANGERS)
def test_what_accepts_a_connection_but_is_no_ray_cluster_is_told_in_one_line_with_the_cure(
    talk: Callable[[socket.socket], None],
) -> None:
    began_s = time.monotonic()
    with (
        answering(talk) as address,
        pytest.raises(ClusterUnreachable, match="check the address and its port") as refusal,
    ):
        connect.reachable(address)
    assert address in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert time.monotonic() - began_s < 5


def test_what_answers_as_rays_servers_do_is_reachable(cluster_address: str) -> None:
    assert connect.reachable(cluster_address) == cluster_address


def test_a_busy_head_has_all_the_time_that_the_connection_did_not_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connect, "ANSWER_TIMEOUT_S", 0.1)
    monkeypatch.setattr(connect, "REACH_TIMEOUT_S", 10.0)
    with served(Alive(delay_s=0.3)) as address:
        assert connect.reachable(address) == address


def test_auto_is_the_address_that_ray_has_noted(
    monkeypatch: pytest.MonkeyPatch, cluster_address: str
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", cluster_address)
    assert connect.reachable("auto") == cluster_address


@pytest.mark.parametrize("named", [True, False], ids=["an old address is named", "an old address is noted"])
def test_auto_without_a_cluster_is_refused(
    named: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    (tmp_path / "ray").mkdir()
    with answering(saying(b"")) as address:
        (tmp_path / "ray" / "ray_current_cluster").write_text(address)
        if named:
            monkeypatch.setenv("RAY_ADDRESS", address)
        with pytest.raises(ClusterUnreachable, match="no Ray cluster can be used at auto"):
            connect.reachable("auto")


def test_auto_is_the_cluster_that_ray_start_has_noted_and_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cluster_address: str
) -> None:
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    (tmp_path / "ray").mkdir()
    note = tmp_path / "ray" / "ray_current_cluster"
    note.write_text(cluster_address)
    request = runs.request([tmp_path / "a.mp4"], tmp_path, cluster="auto")
    found = found_cluster(request)
    assert (found.cluster, found.cluster_text) == (cluster_address, f"--cluster auto, found by {note}")
    note.unlink()
    alone = found_cluster(request)
    assert (alone.cluster, alone.cluster_text) == (EITHER, "--cluster auto: no cluster runs here")


@pytest.mark.parametrize(
    ("token", "mode", "says"),
    [
        (None, "", "it asks for a token and there is none; set RAY_AUTH_TOKEN"),
        ("wrong", "", "it refuses the token of a test; set RAY_AUTH_TOKEN"),
        ("wrong", "token", "it refuses the token of a test"),
        ("right", "disabled", "unset RAY_AUTH_MODE"),
    ],
    ids=str,
)
def test_a_missing_and_a_wrong_token_are_told_apart(
    token: str | None, mode: str, says: str, monkeypatch: pytest.MonkeyPatch, guarded_address: str
) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", mode)
    monkeypatch.setattr(connect, "own_token", lambda: Token(token, "a test") if token else None)
    with pytest.raises(ClusterUnreachable, match=says):
        connect.reachable(guarded_address)


def test_a_token_is_sent_where_one_is_asked_for_and_only_there(
    monkeypatch: pytest.MonkeyPatch, guarded_address: str, cluster_address: str
) -> None:
    told: list[str] = []
    monkeypatch.setattr(connect, "own_token", lambda: Token("right", "a test"))
    monkeypatch.setattr(connect, "send_token", lambda: told.append("sent"))
    assert (connect.reachable(cluster_address), told) == (cluster_address, [])
    assert (connect.reachable(guarded_address), told) == (guarded_address, ["sent"])


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        (ClusterFacts(Versions("1.0.0", "3.11.7"), node_ids=frozenset("a")), "it runs Ray 1.0.0 and Python"),
        (ClusterFacts(own_versions(), node_ids=frozenset("b")), "this machine is no node of it"),
        (ClusterFacts(own_versions(), node_ids=frozenset("a")), None),
    ],
    ids=["other versions", "no node here", "it fits"],
)
def test_what_ray_would_refuse_or_wait_for_is_told_before_it_is_started(
    facts: ClusterFacts, says: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "local_raylets", lambda: (LocalRaylet("head:6379", "a"),))
    monkeypatch.setattr(connect, "ask_facts", lambda target, token, timeout_s: facts)
    if says is None:
        assert connect.require_fit("head:6379") == facts
    else:
        with pytest.raises(ClusterUnreachable, match=says):
            connect.require_fit("head:6379")


def test_a_cluster_that_answers_is_of_use_once_this_machine_is_a_node_of_it(
    monkeypatch: pytest.MonkeyPatch, cluster_address: str
) -> None:
    facts = ClusterFacts(own_versions(), node_ids=frozenset("a"))
    monkeypatch.setattr(connect, "ask_facts", lambda target, token, timeout_s: facts)
    with pytest.raises(ClusterUnreachable, match="this machine is no node of it"):
        connect.require_usable(cluster_address)
    monkeypatch.setattr(connect, "local_raylets", lambda: (LocalRaylet(cluster_address, "a"),))
    connect.require_usable(cluster_address)


def test_a_head_that_is_lost_between_two_questions_is_told(cluster_address: str) -> None:
    with pytest.raises(ClusterUnreachable, match=r"does not answer any more \(UNIMPLEMENTED\)"):
        connect.require_fit(cluster_address)


@pytest.mark.parametrize(
    ("cluster", "url", "refused"),
    [
        ("ray://head", "sqlite:////out/batch_processing.db", True),
        ("ray://head", "postgresql://db/x", False),
        ("ray://127.0.0.1", "files:/out", False),
        ("head:6379", "files:/out", False),
    ],
)
def test_through_ray_client_the_store_has_to_be_where_both_reach_it(
    cluster: str, url: str, refused: bool, tmp_path: Path
) -> None:
    request = runs.request([tmp_path / "a.mp4"], tmp_path, url=url, cluster=cluster)
    if not refused:
        require_shared_store(request)
        return
    with pytest.raises(ClusterUnreachable, match="give --db postgresql://"):
        require_shared_store(request)


def test_a_job_server_is_no_place_for_a_driver() -> None:
    with pytest.raises(ClusterUnreachable, match="`vaengine cluster submit`"):
        connect.reachable("http://127.0.0.1:8265")


def test_no_store_is_made_and_no_job_registered_where_the_cluster_does_not_answer(
    clip_folder: Path, tmp_path: Path
) -> None:
    with answering(saying(b"")) as address:
        request = replace(
            runs.request([clips.with_cuts(clip_folder).path], tmp_path / "out"), cluster=address
        )
        with pytest.raises(ClusterUnreachable):
            Engine(request).run()
    assert not (tmp_path / "out").exists()


def test_a_dry_run_says_that_a_cluster_that_does_not_answer_is_not_feasible(
    clip_folder: Path, tmp_path: Path
) -> None:
    with answering(saying(b"")) as address:
        plan = Engine(
            replace(runs.request([clips.with_cuts(clip_folder).path], tmp_path / "out"), cluster=address)
        ).plan()
    assert not plan.feasible
    assert address in (plan.reason or "")


def test_what_the_cluster_refuses_once_it_answered_leaves_no_store_either(
    clip_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cluster_address: str
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise ClusterUnreachable("there", "it is of another version")

    monkeypatch.setattr("vaengine.execution.ray_executor.session", refused)
    request = replace(
        runs.request([clips.with_cuts(clip_folder).path], tmp_path / "out"), cluster=cluster_address
    )
    with pytest.raises(ClusterUnreachable, match="another version"):
        Engine(request).run()
    assert not (tmp_path / "out").exists()


def test_nothing_that_rays_own_side_logs_reaches_the_terminal_and_everything_else_does(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with session._without_ray_log():
        os.write(
            2,
            b"[2026-11-28 20:41:40,657 W 24453 24453] gcs_client.cc:210: Failed to get cluster ID from GCS "
            b"server: RpcError\n",
        )
        os.write(2, b"[2026-11-28 20:41:40] a line of somebody else\n")
    assert capfd.readouterr().err == "[2026-11-28 20:41:40] a line of somebody else\n"
