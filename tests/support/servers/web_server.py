"""A web server on the loopback that serves a folder by byte ranges, counts, and fails when it is told to."""

from __future__ import annotations

import contextlib
import hashlib
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


@dataclass
class WebServer:
    """What a test tells the server, and what the server has counted.

    `faults` are statuses of the next answers with content, one each. `status_of` are lasting ones by name.
    """

    folder: Path
    address: str = ""
    ranges: bool = True
    etags: bool = True
    delay_s: float = 0.0
    faults: list[int] = field(default_factory=list)
    cut_short: int = 0  # so many answers with content end in their middle
    status_of: dict[str, int] = field(default_factory=dict)
    sent_bytes: Counter[str] = field(default_factory=Counter)
    requests: Counter[str] = field(default_factory=Counter)
    answered: list[tuple[str, str, int]] = field(default_factory=list)  # method, name, status
    lock: threading.Lock = field(default_factory=threading.Lock)

    def url(self, name: str) -> str:
        return f"{self.address}/{name}"

    def forget(self) -> None:
        """Counts from zero."""
        with self.lock:
            self.sent_bytes.clear()
            self.requests.clear()
            self.answered.clear()


@contextlib.contextmanager
def served(folder: Path) -> Iterator[WebServer]:
    """The files of a folder at an address of this machine."""
    told = WebServer(folder)

    class Handler(_Handler):
        server_told = told

    server = _Server(("127.0.0.1", 0), Handler)
    told.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: a client may leave whenever it likes, and has to say itself what it missed."""


class _Handler(BaseHTTPRequestHandler):
    server_told: WebServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # a head and its content are two writes

    def log_message(self, *_: Any) -> None:
        """Nothing: a test looks at what was counted."""

    def do_HEAD(self) -> None:
        self._answer(with_content=False)

    def do_GET(self) -> None:
        self._answer(with_content=True)

    def _answer(self, *, with_content: bool) -> None:
        told, name = self.server_told, unquote(urlsplit(self.path).path).lstrip("/")
        with told.lock:
            told.requests[self.command] += 1
            fault = told.faults.pop(0) if told.faults and with_content else told.status_of.get(name)
        if told.delay_s:
            time.sleep(told.delay_s)
        path = told.folder / name
        if fault or not path.is_file():
            self._plain(fault or 404, name, with_content=with_content)
            return
        state, status = path.stat(), 200
        etag = '"' + hashlib.md5(f"{state.st_size} {state.st_mtime_ns}".encode()).hexdigest() + '"'
        first, last = 0, state.st_size - 1
        if self.headers.get("If-Match", etag) != etag:
            self._plain(412, name, with_content=with_content)
            return
        if told.ranges and (asked := _RANGE.match(self.headers.get("Range", ""))):
            first, last, status = int(asked[1]), min(last, int(asked[2] or last)), 206
        headers = {"Content-Length": str(last - first + 1), "Last-Modified": formatdate(state.st_mtime)}
        headers |= {"ETag": etag} if told.etags else {}
        headers |= {"Accept-Ranges": "bytes"} if told.ranges else {}
        headers |= {"Content-Range": f"bytes {first}-{last}/{state.st_size}"} if status == 206 else {}
        self._head(status, name, headers)
        if with_content:
            self._send(path, name, first, last - first + 1)

    def _plain(self, status: int, name: str, *, with_content: bool) -> None:
        text = f"told to answer {status}".encode()
        self._head(status, name, {"Content-Length": str(len(text))})
        if with_content:
            self.wfile.write(text)

    def _head(self, status: int, name: str, headers: dict[str, str]) -> None:
        with self.server_told.lock:
            self.server_told.answered.append((self.command, name, status))
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()

    def _send(self, path: Path, name: str, first: int, left: int) -> None:
        told = self.server_told
        with told.lock:
            is_cut = told.cut_short > 0
            told.cut_short -= is_cut
        left = left // 2 if is_cut else left
        self.close_connection = self.close_connection or is_cut
        with path.open("rb") as file, contextlib.suppress(ConnectionError):
            file.seek(first)
            while left and (data := file.read(min(left, 1 << 16))):
                self.wfile.write(data)
                left -= len(data)
                with told.lock:
                    told.sent_bytes[name] += len(data)
