"""The guard that other tests trust must itself be seen to refuse."""

import socket
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from tests.conftest import Offline


def test_a_name_beyond_this_machine_is_refused_and_told(no_network: list[str]) -> None:
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen("http://example.com/")
    assert no_network == ["resolve 'example.com'"]


def test_an_address_beyond_this_machine_is_refused_and_told(no_network: list[str]) -> None:
    with socket.socket() as outside, pytest.raises(ConnectionRefusedError):
        outside.connect(("192.0.2.1", 80))
    assert no_network == ["connect ('192.0.2.1', 80)"]


def test_this_machine_stays_in_reach(no_network: list[str]) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        assert client.getpeername() == server.getsockname()
    assert no_network == []


def test_a_subprocess_and_its_children_are_guarded_too(offline: Offline) -> None:
    child = "import socket; socket.create_connection(('example.com', 80))"
    parent = f"import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', {child!r}]))"
    done = subprocess.run(
        [sys.executable, "-c", parent], env=offline.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "no network in this test" in done.stderr
    assert offline.guarded() == 2
    assert [line.split(" by ")[0] for line in offline.attempts()] == ["resolve 'example.com'"]
