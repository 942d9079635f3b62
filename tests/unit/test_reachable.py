"""A cluster is known to answer before anything else is done; what is none is told within seconds, in one line."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from cluster import session
from schemas.errors import ClusterUnreachable
from tests import clips, runs
from vaengine.engine import Engine

SETTINGS = b"\x00\x00\x0c\x04\x00\x00\x00\x00\x00" + bytes(12)  # as a gRPC server begins
BANNERS = {"says nothing": b"", "an ssh server": b"SSH-2.0-OpenSSH_9.6\r\n", "a web server": b"HTTP/1.1 400 Bad Request\r\n\r\n"}


@contextmanager
def answering(banner: bytes) -> Iterator[str]:
    """A server that accepts every connection, says this, and waits."""
    held: list[socket.socket] = []
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                held.append(connection)
                connection.sendall(banner)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join(10)
        for connection in held:
            connection.close()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "ANSWER_SECONDS", 0.3)


@pytest.mark.parametrize("banner", BANNERS.values(), ids=BANNERS)
def test_what_accepts_a_connection_but_is_no_ray_cluster_is_told_in_one_line_with_the_cure(banner: bytes) -> None:
    began_s = time.monotonic()
    with answering(banner) as address, pytest.raises(ClusterUnreachable, match="check the address and its port") as refusal:
        session.reachable(address)
    assert address in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert time.monotonic() - began_s < 5


def test_what_answers_as_rays_servers_do_is_reachable() -> None:
    with answering(SETTINGS) as address:
        assert session.reachable(address) == address


def test_auto_is_the_address_that_ray_has_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(SETTINGS) as address:
        monkeypatch.setenv("RAY_ADDRESS", address)
        assert session.reachable("auto") == address


@pytest.mark.parametrize("noted", [True, False], ids=["an old address is noted", "none is noted"])
def test_auto_without_a_cluster_is_refused(monkeypatch: pytest.MonkeyPatch, noted: bool) -> None:
    monkeypatch.setattr(session, "_noted_address", lambda: None)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with answering(b"") as address:
        if noted:
            monkeypatch.setenv("RAY_ADDRESS", address)
        with pytest.raises(ClusterUnreachable, match="no Ray cluster can be used at auto"):
            session.reachable("auto")


def test_no_store_is_made_and_no_job_registered_where_the_cluster_does_not_answer(clip_folder: Path, tmp_path: Path) -> None:
    with answering(b"") as address:
        request = replace(runs.request([clips.with_cuts(clip_folder).path], tmp_path / "out"), cluster=address)
        with pytest.raises(ClusterUnreachable):
            Engine(request).run()
    assert not (tmp_path / "out").exists()


def test_a_dry_run_says_that_a_cluster_that_does_not_answer_is_not_feasible(clip_folder: Path, tmp_path: Path) -> None:
    with answering(b"") as address:
        plan = Engine(replace(runs.request([clips.with_cuts(clip_folder).path], tmp_path / "out"), cluster=address)).plan()
    assert not plan.feasible
    assert address in (plan.reason or "")


def test_what_the_cluster_refuses_once_it_answered_leaves_no_store_either(
    clip_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise ClusterUnreachable("there", "it is of another version")

    monkeypatch.setattr("vaengine.engine.session", refused)
    with answering(SETTINGS) as address, pytest.raises(ClusterUnreachable, match="another version"):
        Engine(replace(runs.request([clips.with_cuts(clip_folder).path], tmp_path / "out"), cluster=address)).run()
    assert not (tmp_path / "out").exists()


def test_nothing_that_rays_own_side_logs_reaches_the_terminal_and_everything_else_does(capfd: pytest.CaptureFixture[str]) -> None:
    with session._without_log_level_note():
        os.write(2, b"[2026-11-28 20:41:40,657 W 24453 24453] gcs_client.cc:210: Failed to get cluster ID from GCS server: RpcError\n")
        os.write(2, b"[2026-11-28 20:41:40] a line of somebody else\n")
    assert capfd.readouterr().err == "[2026-11-28 20:41:40] a line of somebody else\n"
