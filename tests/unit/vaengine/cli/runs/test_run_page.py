"""A run in the browser: as long as it lasts, and never to its harm."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from vaengine.cli.runs.run_page import shown_in_browser
from vaengine.requests.request import RunRequest

TOKEN = "a-token-of-these-tests"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a fake browser was asked to open."""
    addresses: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda address: not addresses.append(address))
    monkeypatch.setenv("BROWSER", "a-browser")
    monkeypatch.setenv("VAENGINE_TOKEN", TOKEN)
    return addresses


def _request(folder: Path) -> RunRequest:
    url = f"sqlite:///{folder}/batch_processing.db"
    return cast(RunRequest, SimpleNamespace(store_url=url, out=folder))


def test_a_server_of_its_own_shows_the_store_until_the_run_ends(
    opened: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with shown_in_browser(_request(tmp_path)):
        [link] = opened
        address = link.removesuffix(f"/?token={TOKEN}")
        assert urlsplit(address).hostname == "127.0.0.1"
        with urlopen(f"{address}/api/videos") as answer:
            assert json.load(answer)["total"] == 0
    with pytest.raises(URLError):
        urlopen(f"{address}/api/health")
    assert capsys.readouterr().err == f"shown in the browser while it runs: {address}\n"


def test_a_run_goes_on_where_nothing_can_be_shown(
    opened: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("VAENGINE_TOKEN", "short")
    went_on = []
    with shown_in_browser(_request(tmp_path)):
        went_on.append(True)
    told = capsys.readouterr().err
    assert went_on == [True]
    assert opened == []
    assert told.startswith("nothing is shown in the browser: ")
    assert told.count("\n") == 1


def test_a_fault_of_the_run_is_the_runs_own(opened: list[str], tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), shown_in_browser(_request(tmp_path)):
        raise ZeroDivisionError
    assert len(opened) == 1


def test_without_a_browser_the_link_is_told(
    opened: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with shown_in_browser(_request(tmp_path)):
        assert opened == []
    assert f"/?token={TOKEN} in one" in capsys.readouterr().err
