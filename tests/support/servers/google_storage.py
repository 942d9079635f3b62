"""Google Cloud Storage on the loopback, as far as its JSON interface is used here; it fails when told to.

Source: the reference of the JSON API, "Objects" (get, list, insert, delete), and its request endpoints.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

BUCKET: Final = "videos"
_OBJECT: Final = re.compile(rf"/(?:download/)?storage/v1/b/{BUCKET}/o/(?P<key>.+)")
_RANGE: Final = re.compile(r"bytes=(\d+)-(\d*)")
_PART: Final = re.compile(rb"\r?\n\r?\n")  # the end of the head of a part


@dataclass
class GoogleStorage:
    """What a test tells the server: `faults` are statuses of the next reads of content, `denied` are keys."""

    address: str = ""
    objects: dict[str, tuple[bytes, int]] = field(default_factory=dict)  # content, generation
    faults: list[int] = field(default_factory=list)
    denied: set[str] = field(default_factory=set)
    sent_bytes: Counter[str] = field(default_factory=Counter)
    writes: Counter[str] = field(default_factory=Counter)
    _generations: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def environment(self) -> dict[str, str]:
        """Variables by which other processes find the server."""
        # Without the last one gcsfs would ask for the kind of the bucket by gRPC.
        return {
            "STORAGE_EMULATOR_HOST": self.address,
            "FSSPEC_GS_TOKEN": "anon",
            "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",
        }

    def put(self, key: str, content: bytes) -> str:
        """Stores an object as a new generation; returns its URL."""
        with self._lock:
            self._generations += 1
            self.objects[key] = content, self._generations
        return f"gs://{BUCKET}/{key}"

    def keys(self, prefix: str = "") -> list[str]:
        return sorted(key for key in self.objects if key.startswith(prefix))

    def resource(self, key: str) -> dict[str, Any]:
        content, generation = self.objects[key]
        changed = datetime.fromtimestamp(1_700_000_000 + generation, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        told = {"name": key, "bucket": BUCKET, "size": str(len(content)), "generation": str(generation)}
        return told | {"kind": "storage#object", "etag": f"e{generation}", "updated": changed}

    def listing(self, asked: dict[str, str]) -> dict[str, Any]:
        """The objects below a prefix, and with a delimiter the prefixes of those below it."""
        prefix, delimiter = asked.get("prefix", ""), asked.get("delimiter", "")
        keys, prefixes = [], dict.fromkeys(())
        for key in self.keys(prefix):
            below, found, _ = key.removeprefix(prefix).partition(delimiter) if delimiter else (key, "", "")
            if found:
                prefixes[prefix + below + found] = None
            else:
                keys.append(key)
        return {"kind": "storage#objects", "items": [*map(self.resource, keys)], "prefixes": [*prefixes]}


@contextlib.contextmanager
def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[GoogleStorage]:
    """A server with an empty bucket; this process's environment leads to it."""
    import fsspec

    from actors.sources.file_system import file_system

    told = GoogleStorage()

    class Handler(_Handler):
        storage = told

    server = _Server(("127.0.0.1", 0), Handler)
    told.address = f"http://127.0.0.1:{server.server_port}"
    for name, value in told.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setitem(fsspec.config.conf, "gs", {"token": "anon"})  # it has read the environment before
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    file_system.cache_clear()
    try:
        yield told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        file_system.cache_clear()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # clients keep their connections

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: a client may leave whenever it likes, and has to say itself what it missed."""


class _Handler(BaseHTTPRequestHandler):
    storage: GoogleStorage
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: Any) -> None:
        """Nothing: a test looks at what was counted."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path == f"/storage/v1/b/{BUCKET}":
            self._tell({"kind": "storage#bucket", "name": BUCKET})
        elif url.path == f"/storage/v1/b/{BUCKET}/o":
            self._tell(self.storage.listing(asked))
        elif found := _OBJECT.fullmatch(url.path):
            self._object(unquote(found["key"]), asked.get("generation"), "alt" in asked)
        else:
            self._refuse(404)

    def _object(self, key: str, generation: str | None, is_content: bool) -> None:
        told = self.storage
        if key in told.denied:
            self._refuse(403)
        elif key not in told.objects or generation not in (None, str(told.objects[key][1])):
            self._refuse(404)
        elif is_content and told.faults:
            self._refuse(told.faults.pop(0))
        elif is_content:
            self._content(key)
        else:
            self._tell(told.resource(key))

    def _content(self, key: str) -> None:
        told = self.storage
        content, status = told.objects[key][0], 200
        if asked := _RANGE.match(self.headers.get("Range", "")):
            content, status = content[int(asked[1]) : int(asked[2] or len(content)) + 1], 206
        told.sent_bytes[key] += len(content)
        self._send(status, content, "application/octet-stream")

    def do_POST(self) -> None:
        """A whole object, as two parts of one body: its name, and its content."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        boundary = b"--" + self.headers["Content-Type"].rpartition("=")[2].strip('"').encode()
        if urlsplit(self.path).path != f"/upload/storage/v1/b/{BUCKET}/o":
            self._refuse(404)
            return
        _, name, content, _ = body.split(boundary, 3)
        key = json.loads(_PART.split(name, 1)[1])["name"]
        self.storage.put(key, _PART.split(content, 1)[1].removesuffix(b"\n"))
        self.storage.writes[key] += 1
        self._tell(self.storage.resource(key))

    def do_DELETE(self) -> None:
        found = _OBJECT.fullmatch(urlsplit(self.path).path)
        if found and self.storage.objects.pop(unquote(found["key"]), None):
            self._send(204, b"", "text/plain")
        else:
            self._refuse(404)

    def _refuse(self, status: int) -> None:
        self._tell({"error": {"code": status, "message": f"told to answer {status}"}}, status)

    def _tell(self, answer: dict[str, Any], status: int = 200) -> None:
        self._send(status, json.dumps(answer).encode(), "application/json")

    def _send(self, status: int, content: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
