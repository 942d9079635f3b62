"""Where a cluster's job server is, and what is no job server: told within seconds, in one line."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from cluster.connection.address import ClusterAddress
from cluster.connection.gcs import ClusterFacts
from cluster.connection.token import Token
from cluster.connection.versions import Versions
from cluster.submission import job_server
from cluster.submission.job_server import reason_of, url_of
from cluster.submission.refusals import loopback_refusal, version_refusal
from schemas.errors import ClusterUnreachable

TOKEN = Token("right", "RAY_AUTH_TOKEN")
RAY = json.dumps({"version": "4", "ray_version": "2.60.0"})
HEAD = ClusterAddress.parse("10.0.0.1:6379")


@pytest.mark.parametrize(
    ("status", "text", "token", "mode", "says"),
    [
        (200, RAY, None, "", None),
        (200, RAY, TOKEN, "token", None),
        (401, "Unauthorized", None, "", "it asks for a token and there is none"),
        (401, "Unauthorized", None, "disabled", "unset RAY_AUTH_MODE"),
        (403, "Forbidden", TOKEN, "", "it refuses the token of RAY_AUTH_TOKEN"),
        (200, "<html>", None, "", "does not answer as a job server of Ray does (status 200)"),
        (200, "3", None, "", "does not answer as a job server"),
        (404, RAY, None, "", "(status 404); check the address"),
    ],
)
def test_an_answer_is_a_job_servers_or_one_line_with_the_cure(
    status: int, text: str, token: Token | None, mode: str, says: str | None
) -> None:
    refusal = version_refusal("http://head:8265", status, text, token, mode)
    if says is None:
        assert refusal is None
    else:
        assert refusal is not None
        assert says in refusal
        assert "\n" not in refusal


@pytest.mark.parametrize(
    ("job_server_url", "here", "refused"),
    [
        ("http://10.0.0.1:8265", {"10.0.0.2"}, False),
        ("http://127.0.0.1:8265", {"10.0.0.2"}, True),
        ("http://127.0.0.1:8265", {"10.0.0.1"}, False),
    ],
)
def test_a_job_server_that_only_the_heads_machine_reaches_is_told_elsewhere(
    job_server_url: str, here: set[str], refused: bool
) -> None:
    refusal = loopback_refusal(HEAD, ClusterAddress.parse(job_server_url), here)
    assert (refusal is not None) == refused
    assert refusal is None or "--dashboard-host=0.0.0.0" in refusal


@pytest.mark.parametrize(
    ("address", "announced", "url"),
    [
        ("http://jobs.example", None, "http://jobs.example:8265"),
        ("https://jobs.example/", None, "https://jobs.example:443"),
        ("ray://head", None, "http://head:8265"),
        ("10.0.0.1:6379", "10.0.0.1:8266", "http://10.0.0.1:8266"),
    ],
)
def test_the_job_server_is_where_the_head_says_that_it_is(
    address: str, announced: str | None, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = ClusterFacts(Versions("", ""), job_server=announced)
    monkeypatch.setattr(job_server, "reachable", lambda address: address)
    monkeypatch.setattr(job_server, "facts_of", lambda where: facts)
    assert url_of(address) == url


def test_a_head_without_a_job_server_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_server, "reachable", lambda address: address)
    monkeypatch.setattr(job_server, "facts_of", lambda where: ClusterFacts(Versions("", "")))
    with pytest.raises(ClusterUnreachable, match="--include-dashboard=true"):
        url_of("10.0.0.1:6379")


@contextmanager
def web_server(answer: Any) -> Iterator[str]:
    """The URL of a server on the loopback that answers each GET so: status and text, by its token."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, text = answer(self.headers.get("Authorization"))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Not on the terminal."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join(10)


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Whether Ray was told to send its token, which is "right"."""
    told: list[str] = []
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    monkeypatch.setattr(job_server, "own_token", lambda: TOKEN)
    monkeypatch.setattr(job_server, "send_token", lambda: told.append("sent"))
    return told


@pytest.mark.parametrize(
    ("asks", "told"), [(False, []), (True, ["sent"])], ids=["open", "it asks for a token"]
)
def test_a_token_is_sent_to_a_job_server_that_asks_for_one(
    asks: bool, told: list[str], sent: list[str]
) -> None:
    def answer(token: str | None) -> tuple[int, str]:
        return (401, "Unauthorized") if asks and token != "Bearer right" else (200, RAY)

    with web_server(answer) as url:
        job_server._require_answer(url, url)
    assert sent == told


def test_a_web_server_and_a_port_where_nobody_answers_are_no_job_server_within_seconds() -> None:
    began_s = time.monotonic()
    with web_server(lambda token: (200, "hello")) as url:
        with pytest.raises(ClusterUnreachable, match="does not answer as a job server of Ray does"):
            job_server._require_answer(url, url)
        gone = url
    with pytest.raises(ClusterUnreachable, match=r"does not answer \(Connection refused\)") as refusal:
        job_server._require_answer(gone, gone)
    assert "\n" not in str(refusal.value)
    assert time.monotonic() - began_s < 5


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Request failed with status code 400: no room.", "Request failed with status code 400: no room."),
        (
            "failed: Traceback (most recent call last):\n  File x\nValueError: no such job\n",
            "ValueError: no such job",
        ),
        ("two\n\nlines", "two lines"),
        ("", "RuntimeError"),
    ],
)
def test_what_a_server_answers_with_is_cut_to_what_it_says(text: str, reason: str) -> None:
    assert reason_of(RuntimeError(text)) == reason
