"""`vaengine serve` in a process of its own, on a free port of the loopback."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

TOKEN = "a-token-of-the-tests"
START_S = END_S = 240.0  # on a machine with much else to do


@dataclass
class RunningServer:
    """A server that answers; `process` is its process."""

    url: str
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ends it as `docker stop` does; returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(END_S)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def run_vaengine(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, until it ends by itself."""
    environment = {**os.environ, "VAENGINE_TOKEN": TOKEN}
    return subprocess.run(
        [sys.executable, "-m", "vaengine", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
    )


@contextmanager
def serving(db: str, out: Path, port: int, *options: str) -> Iterator[RunningServer]:
    """The server, once it answers; it is killed at the end unless it has ended."""
    command = [sys.executable, "-m", "vaengine", "serve", "--db", db, "--out", str(out), "--port", str(port)]
    environment = {**os.environ, "VAENGINE_TOKEN": TOKEN}
    log = (out / f"server-{time.monotonic_ns()}.log").open("wb")
    process = subprocess.Popen([*command, *options], stdout=log, stderr=log, env=environment)
    running = RunningServer(f"http://127.0.0.1:{port}", process)
    try:
        _wait_until_it_answers(running, Path(log.name))
        yield running
    finally:
        if process.poll() is None:
            running.kill()
        log.close()


def _wait_until_it_answers(running: RunningServer, log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        assert running.process.poll() is None, log.read_text()
        with suppress(httpx.TransportError):
            if httpx.get(f"{running.url}/api/health", trust_env=False).is_success:
                return
        time.sleep(0.1)
    raise AssertionError(f"no answer within {START_S:.0f} s: {log.read_text()}")
