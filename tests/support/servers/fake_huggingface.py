"""A hub of Hugging Face on this machine: as much of its interface as fetching a model's files needs.

`GET /api/models/OWNER/NAME/revision/main` lists files; `HEAD` and `GET /OWNER/NAME/resolve/REVISION/FILE`
send them.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

REVISION = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class LocalHub:
    """Folders by OWNER/NAME; those in `gated` are sent to whoever shows `token`.

    `requests` is what was asked, as (method, path).
    """

    folders: dict[str, Path] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    token: str = "hf_of_this_test"
    breaks_off: set[str] = field(default_factory=set)  # names of files whose sending ends half way
    requests: list[tuple[str, str]] = field(default_factory=list)
    agents: list[str] = field(default_factory=list)
    address: str = ""

    def files(self, name: str) -> list[str]:
        folder = self.folders[name]
        return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@contextmanager
def serving(hub: LocalHub) -> Iterator[LocalHub]:
    handler = type("Handler", (_Handler,), {"hub": hub})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        hub.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: LocalHub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(whole=True)

    def do_HEAD(self) -> None:
        self._answer(whole=False)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is printed."""

    def _answer(self, *, whole: bool) -> None:
        self.hub.requests.append((self.command, self.path))
        self.hub.agents.append(self.headers.get("User-Agent", ""))
        parts = self.path.strip("/").split("/")
        is_listing = parts[:2] == ["api", "models"]
        name = "/".join(parts[2:4] if is_listing else parts[:2])
        if name not in self.hub.folders:
            self._refuse(404, "RepoNotFound")
        elif name in self.hub.gated and self.headers.get("Authorization") != f"Bearer {self.hub.token}":
            self._refuse(403, "GatedRepo")
        elif is_listing:
            listing = {
                "id": name,
                "sha": REVISION,
                "siblings": [{"rfilename": file} for file in self.hub.files(name)],
            }
            self._send(json.dumps(listing).encode(), whole=whole)
        else:
            self._send_file(self.hub.folders[name] / "/".join(parts[4:]), whole=whole)

    def _send_file(self, path: Path, *, whole: bool) -> None:
        if not path.is_file():
            self._refuse(404, "EntryNotFound")
            return
        data = path.read_bytes()
        self._send(
            data, whole=whole, cut=path.name in self.hub.breaks_off, etag=hashlib.sha256(data).hexdigest()
        )

    def _send(self, data: bytes, *, whole: bool, cut: bool = False, etag: str = "listing") -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("ETag", f'"{etag}"')
        self.send_header("X-Repo-Commit", REVISION)
        self.end_headers()
        if whole:
            self.wfile.write(data[: len(data) // 2] if cut else data)
        self.close_connection = cut

    def _refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()
