"""Fetching over loopback from a server that fails in all the ways servers do."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import random
import shutil
import socket
import ssl
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
import requests
import urllib3
from urllib3.exceptions import MaxRetryError, SSLError

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
from vaengine.models import http_downloader, network
from vaengine.models.download import DownloadSource, download, obtain
from vaengine.models.http_downloader import cause, certificates, is_lasting
from vaengine.models.network import reachable
from vaengine.models.weights import recorded

CONTENT = random.Random(1).randbytes(1_000_000)


@dataclass
class Hub:
    """A server of one file, whose next answers can be set. `asked` holds the headers of each request."""

    content: bytes = CONTENT
    statuses: list[int] = field(default_factory=list)  # of the next answers, instead of the file
    cuts: list[int] = field(default_factory=list)  # bytes after which the next answers break off
    redirect: str = ""
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
            status = hub.statuses.pop(0) if hub.statuses else 200
            self.send_response(status)
            if status != 200:
                self.send_header("Location", hub.redirect)
                self.send_header("Content-Length", "0")
            elif not hub.lengthless:
                self.send_header("Content-Length", str(len(hub.content)))
            self.end_headers()
            if hub.gate:
                assert hub.gate.wait(30)
            if status == 200:
                cut = hub.cuts.pop(0) if hub.cuts else len(hub.content)
                self.wfile.write(hub.content[:cut])
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Nothing on standard error."""

    return Handler


class Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A client that gave up is no fault of the server."""


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub = Hub()
    server = Server(("127.0.0.1", 0), handler(hub))
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


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds between attempts, which nobody waits for."""
    seconds: list[float] = []
    monkeypatch.setattr(http_downloader.time, "sleep", seconds.append)
    return seconds


def fetched(hub: Hub, folder: Path, **changes: Any) -> Path:
    return download(hub.model(**changes), folder, DownloadSource())


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


def test_a_file_is_fetched_whole_and_nothing_else_is_left(
    hub: Hub, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    steps: list[tuple[int, int]] = []
    path = download(
        hub.model(),
        tmp_path / "new" / "folder",
        DownloadSource(),
        lambda done, total: steps.append((done, total)),
    )
    assert path.read_bytes() == CONTENT
    assert names(path.parent) == ["tiny.pt"]
    assert path.stat().st_mode & 0o777 == 0o644, "for whoever shares the folder"
    assert steps[0] == (0, len(CONTENT))
    assert steps[-1] == (len(CONTENT), len(CONTENT))
    assert steps == sorted(steps)
    assert capfd.readouterr() == ("", ""), "pooch logs nothing of its own"


@pytest.mark.parametrize("lengthless", [False, True])
def test_a_cut_download_is_begun_again(
    hub: Hub, tmp_path: Path, waits: list[float], lengthless: bool
) -> None:
    hub.cuts, hub.lengthless = [300_000, 0], lengthless
    assert fetched(hub, tmp_path).read_bytes() == CONTENT
    assert names(tmp_path) == ["tiny.pt"]
    assert len(hub.asked) == 3
    assert waits == [1.0, 2.0]


def test_a_download_that_is_always_cut_leaves_nothing(hub: Hub, tmp_path: Path) -> None:
    hub.cuts = [300_000] * 4
    with pytest.raises(DownloadFailed, match="cut after 262,144 of 1,000,000 bytes, 4 attempts"):
        fetched(hub, tmp_path)
    assert names(tmp_path) == []


def test_what_a_killed_process_left_is_removed(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / ".tiny.pt.part").mkdir()
    (tmp_path / ".tiny.pt.part" / "tmp1234").write_bytes(CONTENT[:1000])
    assert fetched(hub, tmp_path).read_bytes() == CONTENT
    assert names(tmp_path) == ["tiny.pt"]


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


def test_the_wait_doubles_and_ends(hub: Hub, tmp_path: Path, waits: list[float]) -> None:
    hub.statuses = [503] * 10
    with pytest.raises(DownloadFailed, match=r"HTTP 503 .*, 4 attempts"):
        fetched(hub, tmp_path)
    assert waits == [1.0, 2.0, 4.0]


def test_a_port_without_a_listener_is_named_as_refused_after_all_attempts(tmp_path: Path) -> None:
    nobody = ModelFile("tiny.pt", "http://127.0.0.1:9/tiny.pt", None, 5, "MIT", "detect", "")
    with pytest.raises(
        DownloadFailed, match=r"/tiny.pt: \[Errno 111\] Connection refused, 4 attempts; .*--models"
    ):
        download(nobody, tmp_path, DownloadSource())


def test_a_name_that_no_server_knows_is_said_to_be_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    model = ModelFile("tiny.pt", "https://models.example/tiny.pt", None, 5, "MIT", "detect", "")
    with pytest.raises(DownloadFailed, match=r"tiny.pt: \[Errno -2\] Name or service not known, 4 attempts;"):
        download(model, tmp_path, DownloadSource())


def test_a_server_that_stops_talking_is_given_up(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_downloader, "TIMEOUT_S", 0.2)
    monkeypatch.setattr(http_downloader, "ATTEMPTS", 1)
    hub.gate = threading.Event()
    with pytest.raises(DownloadFailed, match="timed out, 1 attempt;"):
        fetched(hub, tmp_path)
    hub.gate.set()


def test_a_certificate_that_nobody_vouches_for_is_a_lasting_fault_in_its_own_words() -> None:
    fault = ssl.SSLCertVerificationError(1, "certificate verify failed: self-signed certificate")
    pool = urllib3.HTTPSConnectionPool("models.example")
    error = requests.exceptions.SSLError(MaxRetryError(pool, "/tiny.pt", SSLError(fault)))
    assert is_lasting(error)
    assert cause(error) == "certificate verify failed: self-signed certificate"
    assert not is_lasting(requests.exceptions.SSLError(MaxRetryError(pool, "/tiny.pt", SSLError("cut"))))


def test_the_certificates_are_those_of_the_system_unless_a_variable_of_requests_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bundle = tmp_path / "company.pem"
    bundle.write_text("")
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    assert certificates() == str(bundle)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/other.pem")
    assert certificates() is True


def test_a_file_longer_than_it_should_be_is_refused(hub: Hub, tmp_path: Path) -> None:
    hub.lengthless = True
    with pytest.raises(DownloadFailed, match="more than the 10 bytes"):
        fetched(hub, tmp_path / "more", size_bytes=10)
    assert len(hub.asked) == 1


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
    def full(received: Any, data: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(http_downloader._Received, "write", full)
    with pytest.raises(NoRoomForModel, match="No space left on device"):
        fetched(hub, tmp_path)
    assert names(tmp_path) == []
    assert len(hub.asked) == 1


def test_a_folder_that_cannot_be_made_says_why(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderUnusable, match=r"file.*--models"):
        fetched(hub, tmp_path / "file")


def test_a_download_that_is_interrupted_leaves_nothing(hub: Hub, tmp_path: Path) -> None:
    def stop(done: int, _total: int) -> None:
        if done > 500_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(hub.model(), tmp_path, DownloadSource(), stop)
    assert names(tmp_path) == []


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
        f"download({hub.model()!r}, Path({str(tmp_path)!r}), DownloadSource())"
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
        download(hub.model(), tmp_path, DownloadSource(forbidden_by="VAENGINE_OFFLINE"))
    assert hub.asked == []
    assert not reachable(hub.url, offline=True)


def test_offline_a_file_that_is_here_is_used(hub: Hub, tmp_path: Path) -> None:
    path = fetched(hub, tmp_path / "second")
    assert (
        obtain(
            hub.model(),
            (tmp_path / "first", tmp_path / "second"),
            DownloadSource(forbidden_by="VAENGINE_OFFLINE"),
        )
        == path
    )


def test_what_is_in_no_folder_is_fetched_into_the_first(hub: Hub, tmp_path: Path) -> None:
    path = obtain(hub.model(), (tmp_path / "first", tmp_path / "second"), DownloadSource(mirror=hub.url))
    assert path == tmp_path / "first" / "tiny.pt"


@pytest.mark.parametrize(
    ("text", "offline"), [("1", True), ("true", True), ("", False), ("0", False), ("no", False)]
)
def test_the_environment_says_where_files_come_from(text: str, offline: bool) -> None:
    told = {"VAENGINE_OFFLINE": text, "VAENGINE_MODELS_URL": "https://mirror.example/m/"}
    source = DownloadSource.of(told)
    assert source.offline is offline
    assert (
        source.url(ModelFile("a.pt", "https://x.example/a.pt", None, 1, "MIT", "detect", ""))
        == "https://mirror.example/m/a.pt"
    )


def test_a_mirror_that_is_no_web_address_is_refused() -> None:
    with pytest.raises(UsageError, match="VAENGINE_MODELS_URL"):
        DownloadSource.of({"VAENGINE_MODELS_URL": "file:///etc"})


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
    monkeypatch.setattr(http_downloader, "LOOPBACK", ())
    with pytest.raises(DownloadFailed, match="only https"):
        fetched(hub, tmp_path, sha256=None)
    assert names(tmp_path) == []
    assert fetched(hub, tmp_path).read_bytes() == CONTENT  # with a digest it does not matter how it came


def test_a_redirect_is_followed(hub: Hub, tmp_path: Path) -> None:
    hub.statuses, hub.redirect = [302], "/elsewhere"
    assert fetched(hub, tmp_path).read_bytes() == CONTENT
    assert [request["path"] for request in hub.asked] == ["/v1/tiny.pt", "/elsewhere"]


def test_a_proxy_that_does_not_answer_is_named_as_the_one_at_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    model = ModelFile("tiny.pt", "http://models.example/tiny.pt", "0" * 64, 5, "MIT", "detect", "")
    with pytest.raises(DownloadFailed, match=r"tiny.pt: proxy: \[Errno 111\] Connection refused, 4 attempts"):
        download(model, tmp_path, DownloadSource())


def test_a_proxy_of_the_environment_is_used(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_network: list[str]
) -> None:
    monkeypatch.setenv("http_proxy", hub.url)
    model = hub.model(url="http://models.example/tiny.pt")
    assert download(model, tmp_path, DownloadSource()).read_bytes() == CONTENT
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
