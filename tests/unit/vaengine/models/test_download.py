"""Fetching over loopback from a server that fails in all the ways servers do."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import (
    DownloadFailed,
    FetchingForbidden,
    FolderUnusable,
    NoRoomForModel,
    UsageError,
    WrongDigest,
    WrongDownload,
)
from schemas.settings.models import ModelFile
from vaengine.models import download as downloads
from vaengine.models import network
from vaengine.models.download import Patience, Source, download, obtain
from vaengine.models.network import Part, reachable, resumption
from vaengine.models.weights import recorded

CONTENT = random.Random(1).randbytes(1_000_000)
QUICK = Patience(attempts=3, backoff_s=0.0, timeout_s=5.0)


@dataclass
class Hub:
    """A server of one file whose next answers can be told beforehand; `asked` holds the headers of each
    request.
    """

    content: bytes = CONTENT
    etag: str = '"one"'
    date: str = ""
    ranges: bool = True
    believing: bool = False  # takes any If-Range for true, as broken servers do
    statuses: list[int] = field(default_factory=list)  # of the next answers, instead of the file
    cuts: list[int] = field(default_factory=list)  # bytes after which the next answers break off
    lengthless: bool = False
    gate: threading.Event | None = None
    asked: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    def model(self, **changes: Any) -> ModelFile:
        digest = hashlib.sha256(self.content).hexdigest()
        model = ModelFile(
            "tiny.pt",
            f"{self.url}/v1/tiny.pt",
            digest,
            len(self.content),
            "AGPL-3.0",
            "detect",
            "a test's own",
        )
        return replace(model, **changes)


def handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hub.asked.append({**self.headers, "path": self.path})
            if hub.statuses:
                self.send_response(hub.statuses.pop(0))
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            begin = self.beginning()
            if begin is None:
                self.send_response(416)
                self.end_headers()
                return
            self.head(begin)
            if hub.gate:
                assert hub.gate.wait(30)
            cut = hub.cuts.pop(0) if hub.cuts else len(hub.content)
            self.wfile.write(hub.content[begin : begin + cut])
            self.close_connection = True

        def beginning(self) -> int | None:
            told = self.headers.get("Range")
            same = hub.believing or self.headers.get("If-Range") == (hub.etag or hub.date)
            if not told or not hub.ranges or not same:
                return 0
            begin = int(told.removeprefix("bytes=").removesuffix("-"))
            return begin if begin < len(hub.content) else None

        def head(self, begin: int) -> None:
            self.send_response(206 if begin else 200)
            if begin:
                self.send_header("Content-Range", f"bytes {begin}-{len(hub.content) - 1}/{len(hub.content)}")
            for name, value in (("ETag", hub.etag), ("Last-Modified", hub.date)):
                if value:
                    self.send_header(name, value)
            if not hub.lengthless:
                self.send_header("Content-Length", str(len(hub.content) - begin))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing on standard error."""

    return Handler


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(hub))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield hub
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def fetched(hub: Hub, folder: Path, **changes: Any) -> Path:
    return download(hub.model(**changes), folder, Source(), patience=QUICK)


def begun(hub: Hub, folder: Path, count: int) -> None:
    """Leave a part of `count` bytes, as a process that died would."""
    hub.cuts = [count]
    with pytest.raises(DownloadFailed, match=f"cut after {count:,} of"):
        download(hub.model(), folder, Source(), patience=replace(QUICK, attempts=1))
    assert (folder / "tiny.pt.part").stat().st_size == count
    hub.asked.clear()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_fetched_whole_and_nothing_else_is_left(hub: Hub, tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    path = download(
        hub.model(),
        tmp_path / "new" / "folder",
        Source(),
        lambda done, total: steps.append((done, total)),
        QUICK,
    )
    assert path.read_bytes() == CONTENT
    assert names(path.parent) == ["tiny.pt"]
    assert steps[0] == (0, len(CONTENT))
    assert steps[-1] == (len(CONTENT), len(CONTENT))
    assert steps == sorted(steps)


def test_a_cut_connection_is_taken_up_where_it_broke_off(hub: Hub, tmp_path: Path) -> None:
    hub.cuts = [300_000, 200_000]
    assert fetched(hub, tmp_path).read_bytes() == CONTENT
    assert [request.get("Range") for request in hub.asked] == [None, "bytes=300000-", "bytes=500000-"]
    assert {request["If-Range"] for request in hub.asked[1:]} == {'"one"'}


def test_another_process_goes_on_with_what_one_left(hub: Hub, tmp_path: Path) -> None:
    begun(hub, tmp_path, 700_000)
    assert fetched(hub, tmp_path).read_bytes() == CONTENT
    assert [request["Range"] for request in hub.asked] == ["bytes=700000-"]
    assert names(tmp_path) == ["tiny.pt"]


def test_a_part_that_is_all_there_is_not_fetched_again(hub: Hub, tmp_path: Path) -> None:
    begun(hub, tmp_path, 700_000)
    (tmp_path / "tiny.pt.part").write_bytes(CONTENT)
    assert fetched(hub, tmp_path).read_bytes() == CONTENT
    assert hub.asked == []


def test_a_server_that_ignores_ranges_sends_all_of_it_again(hub: Hub, tmp_path: Path) -> None:
    begun(hub, tmp_path, 400_000)
    hub.ranges = False
    assert fetched(hub, tmp_path).read_bytes() == CONTENT
    assert hub.asked[0]["Range"] == "bytes=400000-"


@pytest.mark.parametrize("believing", [False, True])
def test_a_file_that_changed_meanwhile_is_begun_again(hub: Hub, tmp_path: Path, believing: bool) -> None:
    begun(hub, tmp_path, 400_000)
    hub.content, hub.etag, hub.believing = CONTENT[::-1], '"two"', believing
    assert fetched(hub, tmp_path).read_bytes() == CONTENT[::-1]


def test_a_file_that_became_shorter_is_begun_again(hub: Hub, tmp_path: Path) -> None:
    begun(hub, tmp_path, 400_000)
    hub.content, hub.believing = CONTENT[:1000], True
    assert fetched(hub, tmp_path).read_bytes() == CONTENT[:1000]


def test_a_date_stands_in_for_a_weak_etag(hub: Hub, tmp_path: Path) -> None:
    hub.etag, hub.date = 'W/"weak"', "Wed, 25 Sep 2024 10:00:00 GMT"
    begun(hub, tmp_path, 400_000)
    hub.etag = ""
    assert fetched(hub, tmp_path).read_bytes() == CONTENT
    assert hub.asked[0]["If-Range"] == hub.date


def test_without_etag_and_date_nothing_is_resumed(hub: Hub, tmp_path: Path) -> None:
    hub.etag = ""
    begun(hub, tmp_path, 400_000)
    assert fetched(hub, tmp_path).read_bytes() == CONTENT
    assert "Range" not in hub.asked[0]


def test_a_part_of_another_address_is_not_resumed(hub: Hub, tmp_path: Path) -> None:
    begun(hub, tmp_path, 400_000)
    path = download(hub.model(), tmp_path, Source(mirror=f"{hub.url}/mirror/"), patience=QUICK)
    assert path.read_bytes() == CONTENT
    assert [(request["path"], request.get("Range")) for request in hub.asked] == [("/mirror/tiny.pt", None)]


@pytest.mark.parametrize("note", [b"", b"{", b"[]", b'{"url": 1}'])
def test_a_note_that_was_written_halfway_counts_for_nothing(hub: Hub, tmp_path: Path, note: bytes) -> None:
    begun(hub, tmp_path, 400_000)
    (tmp_path / "tiny.pt.part.json").write_bytes(note)
    assert fetched(hub, tmp_path).read_bytes() == CONTENT
    assert "Range" not in hub.asked[0]


@given(
    have=st.integers(0, 2_000_000), validator=st.sampled_from(["", '"e"']), url=st.sampled_from(["a", "b"])
)
def test_a_rest_is_only_asked_for_together_with_what_it_is_the_rest_of(
    have: int, validator: str, url: str
) -> None:
    headers = resumption(Part("a", validator, 1_000_000), url, have)
    assert bool(headers) == (have > 0 and validator != "" and url == "a")
    assert set(headers) in (set(), {"Range", "If-Range"})


def test_wrong_content_is_thrown_away_and_both_digests_are_named(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(WrongDownload) as caught:
        fetched(hub, tmp_path, sha256="0" * 64)
    assert hashlib.sha256(CONTENT).hexdigest() in str(caught.value)
    assert "0" * 64 in str(caught.value)
    assert names(tmp_path) == []


def test_another_file_of_that_name_is_not_overwritten(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "tiny.pt").write_bytes(b"my own")
    with pytest.raises(WrongDigest, match="move it away"):
        fetched(hub, tmp_path)
    assert (tmp_path / "tiny.pt").read_bytes() == b"my own"
    assert hub.asked == []


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_what_is_refused_is_not_asked_for_twice(hub: Hub, tmp_path: Path, status: int) -> None:
    hub.statuses = [status] * 5
    with pytest.raises(DownloadFailed, match=f"HTTP {status}"):
        fetched(hub, tmp_path)
    assert len(hub.asked) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_passing_fault_of_the_server_is_waited_out(hub: Hub, tmp_path: Path, status: int) -> None:
    hub.statuses = [status, status]
    assert fetched(hub, tmp_path).read_bytes() == CONTENT
    assert len(hub.asked) == 3


def test_the_wait_doubles_and_ends(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(downloads.time, "sleep", waits.append)
    hub.statuses = [503] * 10
    with pytest.raises(DownloadFailed, match=r"HTTP 503 .*, 4 attempts"):
        download(hub.model(), tmp_path, Source())
    assert waits == [1.0, 2.0, 4.0]


def test_a_port_that_nobody_listens_on_is_told_after_all_attempts(hub: Hub, tmp_path: Path) -> None:
    nobody = ModelFile("tiny.pt", "http://127.0.0.1:9/tiny.pt", None, 5, "MIT", "detect", "")
    with pytest.raises(DownloadFailed, match=r"refused, 3 attempts.*--models"):
        download(nobody, tmp_path, Source(), patience=QUICK)


def test_a_server_that_stops_talking_is_given_up(hub: Hub, tmp_path: Path) -> None:
    hub.gate = threading.Event()
    with pytest.raises(DownloadFailed, match="timed out, 1 attempt;"):
        download(hub.model(), tmp_path, Source(), patience=Patience(1, 0.0, 0.2))
    hub.gate.set()


def test_a_file_without_a_length_is_held_to_the_size_it_should_have(hub: Hub, tmp_path: Path) -> None:
    hub.lengthless, hub.cuts = True, [1000]
    assert fetched(hub, tmp_path).read_bytes() == CONTENT
    with pytest.raises(DownloadFailed, match="more than the 10 bytes"):
        fetched(hub, tmp_path / "more", size_bytes=10)


def test_a_disk_that_is_too_small_is_known_before_anything_is_written(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(downloads.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(NoRoomForModel, match=r"976\.6 KiB are missing, 1000 B are free"):
        fetched(hub, tmp_path)
    assert names(tmp_path) == []


def test_a_disk_that_fills_up_meanwhile_is_not_left_full(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write

    def full(descriptor: int, data: bytes) -> int:
        if os.fstat(descriptor).st_size > 500_000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data)

    monkeypatch.setattr(downloads.os, "write", full)
    with pytest.raises(NoRoomForModel, match="No space left on device"):
        fetched(hub, tmp_path)
    assert names(tmp_path) == []
    assert len(hub.asked) == 1


def test_a_folder_that_cannot_be_made_says_why(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderUnusable, match=r"file.*--models"):
        fetched(hub, tmp_path / "file")


def test_whoever_is_stopped_keeps_what_has_come(hub: Hub, tmp_path: Path) -> None:
    def stop(done: int, _total: int) -> None:
        if done > 500_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(hub.model(), tmp_path, Source(), stop, QUICK)
    hub.asked.clear()
    assert fetched(hub, tmp_path).read_bytes() == CONTENT
    assert int(hub.asked[0]["Range"].removeprefix("bytes=").removesuffix("-")) > 500_000


def test_of_many_that_want_a_file_at_once_one_fetches_it(hub: Hub, tmp_path: Path) -> None:
    hub.gate = threading.Event()
    with ThreadPoolExecutor(5) as pool:
        fetching = [pool.submit(fetched, hub, tmp_path) for _ in range(5)]
        hub.gate.set()
        assert {future.result().read_bytes() for future in fetching} == {CONTENT}
    assert len(hub.asked) == 1
    assert names(tmp_path) == ["tiny.pt"]


def test_of_two_processes_that_want_a_file_at_once_one_fetches_it(hub: Hub, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from schemas.settings.models import ModelFile; from "
        "vaengine.models.download import *\n"
        f"download({hub.model()!r}, Path({str(tmp_path)!r}), Source())"
    )
    hub.gate = threading.Event()
    started = [
        subprocess.Popen([sys.executable, "-c", program], cwd=Path(__file__).parents[4]) for _ in range(2)
    ]
    hub.gate.set()
    assert [process.wait(60) for process in started] == [0, 0]
    assert (tmp_path / "tiny.pt").read_bytes() == CONTENT
    assert len(hub.asked) == 1
    assert names(tmp_path) == ["tiny.pt"]


def test_offline_the_network_is_never_asked(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(FetchingForbidden, match=r"tiny\.pt is not in .*VAENGINE_OFFLINE"):
        download(hub.model(), tmp_path, Source(forbidden_by="VAENGINE_OFFLINE"))
    assert hub.asked == []
    assert not reachable(hub.url, offline=True)


def test_offline_a_file_that_is_here_is_used(hub: Hub, tmp_path: Path) -> None:
    path = fetched(hub, tmp_path / "second")
    assert (
        obtain(
            hub.model(), (tmp_path / "first", tmp_path / "second"), Source(forbidden_by="VAENGINE_OFFLINE")
        )
        == path
    )


def test_what_is_in_no_folder_is_fetched_into_the_first(hub: Hub, tmp_path: Path) -> None:
    path = obtain(hub.model(), (tmp_path / "first", tmp_path / "second"), Source(mirror=hub.url))
    assert path == tmp_path / "first" / "tiny.pt"


@pytest.mark.parametrize(
    ("text", "offline"), [("1", True), ("true", True), ("", False), ("0", False), ("no", False)]
)
def test_the_environment_says_where_files_come_from(text: str, offline: bool) -> None:
    told = {"VAENGINE_OFFLINE": text, "VAENGINE_MODELS_URL": "https://mirror.example/m/"}
    source = Source.of(told)
    assert source.offline is offline
    assert (
        source.url(ModelFile("a.pt", "https://x.example/a.pt", None, 1, "MIT", "detect", ""))
        == "https://mirror.example/m/a.pt"
    )


def test_a_mirror_that_is_no_web_address_is_refused() -> None:
    with pytest.raises(UsageError, match="VAENGINE_MODELS_URL"):
        Source.of({"VAENGINE_MODELS_URL": "file:///etc"})


def test_a_file_without_a_published_digest_is_recorded_and_held_to_it(hub: Hub, tmp_path: Path) -> None:
    path = fetched(hub, tmp_path, sha256=None)
    assert recorded(tmp_path) == {"tiny.pt": hashlib.sha256(CONTENT).hexdigest()}
    assert json.loads((tmp_path / "models.json").read_bytes())["tiny.pt"]["url"].startswith(hub.url)
    path.write_bytes(CONTENT[::-1])
    with pytest.raises(WrongDigest):
        fetched(hub, tmp_path, sha256=None)


def test_a_file_without_a_published_digest_is_not_trusted_over_plain_http(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "LOOPBACK", ())
    with pytest.raises(DownloadFailed, match="only https"):
        fetched(hub, tmp_path, sha256=None)
    assert fetched(hub, tmp_path).read_bytes() == CONTENT  # with a digest it does not matter how it came


def test_a_proxy_of_the_environment_is_used(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_network: list[str]
) -> None:
    monkeypatch.setenv("http_proxy", hub.url)
    model = hub.model(url="http://models.example/tiny.pt")
    assert download(model, tmp_path, Source(), patience=QUICK).read_bytes() == CONTENT
    assert hub.asked[0]["path"] == "http://models.example/tiny.pt"
    assert reachable("http://models.example/tiny.pt")
    assert no_network == []


def test_a_host_is_reachable_if_its_port_takes_connections(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    assert reachable(f"{hub.url}/anything")
    assert hub.asked == []
    assert not reachable("http://127.0.0.1:9/")


def test_a_name_that_nobody_answers_for_costs_no_more_than_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    asleep = threading.Event()
    monkeypatch.setattr(network, "_connects", lambda *_: asleep.wait(60))
    assert not reachable("https://models.example/", 0.05)
    asleep.set()
