"""`vaengine serve` as a process of its own, and a browser that may only ask it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

CHROMIUM: Final = os.environ.get("VAENGINE_TEST_CHROMIUM") or shutil.which("chromium") or ""
TOKEN: Final = "a-token-of-the-browser-tests"
WAIT_MS: Final = 120_000  # the machine may be busy
START_S: Final = 120


class PagesServer:
    """A server over a folder of results; it keeps its port, so that it can be killed and come back.

    `environment` is the test's own unless another one is given.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self._folder, self.port = folder, _free_port()
        self._environment = environment or {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
        self.address = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it; returns once it listens."""
        environment = {**self._environment, "VAENGINE_TOKEN": TOKEN}
        command = [sys.executable, "-m", "vaengine", "serve", "--out", str(self._folder)]
        self._process = subprocess.Popen(
            [*command, "--port", str(self.port)], stdout=subprocess.PIPE, text=True, env=environment
        )
        assert self._process.stdout is not None
        assert self.address in self._process.stdout.readline()  # the printed link

    def kill(self) -> None:
        """Kill it as a crash would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it as Ctrl-C does."""
        if self._process is not None and self._process.poll() is None:
            self._end(signal.SIGINT)

    def _end(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait(START_S)


@contextmanager
def browser() -> Iterator[Any]:
    """Debian's Chromium, which finds no name and no address but this machine's."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
        )
        try:
            yield launched
        finally:
            launched.close()


@contextmanager
def strict_page(launched: Any, server: PagesServer, **context: Any) -> Iterator[Any]:
    """A page with the server's token: a request elsewhere, an error or a failed answer fails the test.

    `page.expected` are parts of messages that a test brings about by itself.
    """
    faults: list[str] = []
    opened = launched.new_context(**{"viewport": {"width": 1280, "height": 900}, **context})
    opened.add_cookies([{"name": "vaengine_token", "value": TOKEN, "url": server.address}])
    page = opened.new_page()
    page.set_default_timeout(WAIT_MS)
    page.expected = []
    page.on("request", lambda request: _note(faults, request.url, server))
    page.on("pageerror", lambda error: faults.append(f"error: {error}"))
    page.on("console", lambda told: faults.append(told.text) if told.type == "error" else None)
    try:
        yield page
        assert [fault for fault in faults if not any(one in fault for one in page.expected)] == []
    finally:
        opened.close()


def _note(faults: list[str], url: str, server: PagesServer) -> None:
    if not url.startswith((f"{server.address}/", "blob:")):
        faults.append(f"a request to {url}")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
