"""An S3 server on the loopback (moto), with one bucket, that counts what it sends and fails when told to."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

BUCKET = "videos"


@dataclass
class ObjectStore:
    """A client of the server, and what a test tells it: `faults` are statuses of the next reads."""

    address: str = ""
    client: Any = None
    faults: list[int] = field(default_factory=list)
    sent_bytes: Counter[str] = field(default_factory=Counter)
    reads: int = 0
    writes: Counter[str] = field(default_factory=Counter)

    @property
    def environment(self) -> dict[str, str]:
        """Variables by which clients find the server."""
        return {
            "AWS_ENDPOINT_URL": self.address,
            "AWS_ACCESS_KEY_ID": "somebody",
            "AWS_SECRET_ACCESS_KEY": "a key",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def put(self, key: str, content: bytes) -> str:
        """Stores an object; returns its URL."""
        self.client.put_object(Bucket=BUCKET, Key=key, Body=content)
        return f"s3://{BUCKET}/{key}"

    def get(self, key: str) -> bytes:
        content: bytes = self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return content

    def keys(self, prefix: str = "") -> list[str]:
        found = self.client.list_objects_v2(Bucket=BUCKET, Prefix=prefix)
        return [one["Key"] for one in found.get("Contents", ())]

    def answers(self, application: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
        """A WSGI application that counts, and fails in the place of another."""

        def counting(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            key = environ["PATH_INFO"].removeprefix(f"/{BUCKET}").lstrip("/")
            is_read = environ["REQUEST_METHOD"] == "GET" and bool(key)
            self.reads += is_read
            self.writes[key] += environ["REQUEST_METHOD"] in ("PUT", "POST")
            if is_read and self.faults:
                start_response(f"{self.faults.pop(0)} told to fail", [("Content-Length", "0")])
                return [b""]
            content = list(application(environ, start_response))
            self.sent_bytes[key] += sum(map(len, content)) if is_read else 0
            return content

        return counting


@contextlib.contextmanager
def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    """A server with an empty bucket; this process's environment leads to it."""
    import boto3
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    from actors.sources.file_system import file_system

    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    told = ObjectStore()
    application = told.answers(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, application, threaded=True)
    server.block_on_close = False  # clients keep their connections
    told.address = f"http://127.0.0.1:{server.server_port}"
    for name, value in told.environment.items():
        monkeypatch.setenv(name, value)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    file_system.cache_clear()
    try:
        told.client = boto3.client("s3", endpoint_url=told.address)
        told.client.create_bucket(Bucket=BUCKET)
        for key in told.keys(""):  # what a server before it in this process had: moto keeps it
            told.client.delete_object(Bucket=BUCKET, Key=key)
        yield told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        file_system.cache_clear()
