"""Who may ask what: names of the server, pages of others, and the token."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from schemas.errors import InvalidSetting
from tests.support.stores.served import TOKEN, settings_of
from vaengine.server.middleware.access import QUESTIONS, Visit, refusal_of

LOCAL = settings_of("sqlite:////nowhere/s.db", Path("/nowhere"))
NETWORK = replace(LOCAL, host="0.0.0.0", allowed_hosts=("lab.example.org",))
READ = Visit("GET", "/api/videos", "127.0.0.1:8321")
WRITE = Visit("POST", "/api/batches", "127.0.0.1:8321", token=TOKEN)


@pytest.mark.parametrize("host", ["127.0.0.1:8321", "localhost", "LOCALHOST:1", "[::1]:8321"])
def test_this_machine_is_called_by_its_usual_names(host: str) -> None:
    assert refusal_of(replace(READ, host=host), LOCAL) is None


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8321", "", "127.0.0.1.evil.example", "[", "10.0.0.1"]
)
def test_a_foreign_name_is_refused_though_it_leads_here(host: str) -> None:
    refusal = refusal_of(replace(READ, host=host), LOCAL)
    assert refusal is not None
    assert (refusal.status, refusal.kind) == (421, "foreign_host")


@pytest.mark.parametrize("host", ["lab.example.org", "192.168.1.7:8321", "localhost"])
def test_a_server_of_the_network_is_called_by_its_number_or_by_an_allowed_name(host: str) -> None:
    assert refusal_of(replace(READ, host=host, token=TOKEN), NETWORK) is None


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9999", "http://["])
def test_another_page_in_the_users_browser_may_not_ask(origin: str) -> None:
    refusal = refusal_of(replace(WRITE, origin=origin), LOCAL)
    assert refusal is not None
    assert refusal.kind == "foreign_origin"


def test_the_servers_own_page_and_an_allowed_one_may_ask() -> None:
    allowed = replace(LOCAL, allowed_origins=("https://lab.example.org",))
    assert refusal_of(replace(WRITE, origin="http://127.0.0.1:8321"), LOCAL) is None
    assert refusal_of(replace(WRITE, origin="https://lab.example.org"), allowed) is None


def test_a_write_that_another_site_started_is_refused_though_it_names_no_origin() -> None:
    refusal = refusal_of(replace(WRITE, fetch_site="cross-site"), LOCAL)
    assert refusal is not None
    assert refusal_of(replace(READ, fetch_site="cross-site"), LOCAL) is None


@pytest.mark.parametrize("token", ["", "wrong", TOKEN + "x", "ä" * 20, TOKEN.upper()])
def test_a_write_needs_the_token(token: str) -> None:
    refusal = refusal_of(replace(WRITE, token=token), LOCAL)
    assert refusal is not None
    assert (refusal.status, refusal.kind) == (401, "wrong_token" if token else "token_missing")
    assert TOKEN not in f"{refusal}"


def test_a_read_needs_the_token_from_the_network_and_where_that_is_asked_for() -> None:
    assert refusal_of(READ, LOCAL) is None
    assert refusal_of(READ, NETWORK) is not None
    assert refusal_of(READ, replace(LOCAL, token_for_reads=True)) is not None
    assert refusal_of(replace(READ, path="/api/health"), NETWORK) is None
    assert refusal_of(replace(WRITE, path="/api/health", token=""), NETWORK) is not None


def test_a_server_that_only_reads_refuses_every_write() -> None:
    refusal = refusal_of(WRITE, replace(LOCAL, read_only=True))
    assert refusal is not None
    assert (refusal.status, refusal.kind) == (403, "read_only")


@pytest.mark.parametrize("path", QUESTIONS)
def test_a_server_that_only_reads_answers_questions_that_are_posted(path: str) -> None:
    reader = replace(LOCAL, read_only=True)
    assert refusal_of(replace(WRITE, path=path), reader) is None
    for other in (replace(WRITE, path=path, token=""), replace(WRITE, path=f"{path}/more")):
        assert refusal_of(other, reader) is not None


def test_a_server_that_only_reads_makes_previews_for_whoever_has_the_token() -> None:
    reader, preview = (
        replace(LOCAL, read_only=True),
        replace(WRITE, path="/api/videos/garden-1a2b3c4d/preview"),
    )
    assert refusal_of(preview, reader) is None
    for other in (
        replace(preview, token=""),
        replace(preview, path="/api/videos/a/b/preview"),
        replace(preview, path="/api/videos/garden-1a2b3c4d/corrections"),
    ):
        assert refusal_of(other, reader) is not None


@pytest.mark.parametrize("token", ["short", "with a line\nbreak in it", "ü" * 20])
def test_a_token_that_is_none_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(InvalidSetting) as raised:
        replace(LOCAL, token=token)
    assert token not in str(raised.value)


def test_settings_show_neither_token_nor_password() -> None:
    shown = repr(replace(LOCAL, store_url="postgresql://me:secret@host/db"))
    assert "secret" not in shown
    assert TOKEN not in shown
