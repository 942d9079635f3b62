"""What is behind a web address that lists its files."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from actors.sources.listing import is_pattern, objects_below


class Quiet(SimpleHTTPRequestHandler):
    """Lists folders as links."""

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    for name in ("v/a b.mp4", "v/c.txt", "v/.d.mp4", "v/sub/e.mkv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(tmp_path)))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_links_of_a_listing_are_followed_down(address: str) -> None:
    found = [url.removeprefix(f"{address}/v/") for url in objects_below(f"{address}/v/")]
    assert found == ["a%20b.mp4", "c.txt", "sub/e.mkv"]


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("s3://b/*.mp4", True),
        ("gs://b/a[12].mp4", True),
        ("s3://b/a.mp4", False),
        ("https://h/a.mp4?x=[1]", False),
    ],
)
def test_a_web_address_is_never_a_pattern(url: str, told: bool) -> None:
    assert is_pattern(url) == told
