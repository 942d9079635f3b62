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
from schemas.errors import ClusterUnreachable
from tests.support import clips, runs
from vaengine.execution.engine import Engine

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
    """Ray's answer to its own health check."""

    def service(self, details: Any) -> Any:
        return (
            grpc.unary_unary_rpc_method_handler(lambda request, context: b"")
            if details.method.endswith("/CheckAlive")
            else None
        )


@pytest.fixture(scope="module")
def cluster_address() -> Iterator[str]:
    with ThreadPoolExecutor(1) as pool:
        server = grpc.server(pool)
        server.add_generic_rpc_handlers([Alive()])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        yield f"127.0.0.1:{port}"
        server.stop(None).wait(10)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "ANSWER_TIMEOUT_S", 1.0)


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
        session.reachable(address)
    assert address in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert time.monotonic() - began_s < 5


def test_what_answers_as_rays_servers_do_is_reachable(cluster_address: str) -> None:
    assert session.reachable(cluster_address) == cluster_address


def test_auto_is_the_address_that_ray_has_noted(
    monkeypatch: pytest.MonkeyPatch, cluster_address: str
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", cluster_address)
    assert session.reachable("auto") == cluster_address


@pytest.mark.parametrize("noted", [True, False], ids=["an old address is noted", "none is noted"])
def test_auto_without_a_cluster_is_refused(monkeypatch: pytest.MonkeyPatch, noted: bool) -> None:
    monkeypatch.setattr(session, "_noted_address", lambda: None)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with answering(saying(b"")) as address:
        if noted:
            monkeypatch.setenv("RAY_ADDRESS", address)
        with pytest.raises(ClusterUnreachable, match="no Ray cluster can be used at auto"):
            session.reachable("auto")


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
