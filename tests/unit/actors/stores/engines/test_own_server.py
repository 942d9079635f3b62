"""Addresses are kept and shown without a password; that of a server of ours is found, any other has to be
set.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from actors.stores.engines.own_server import own_password
from schemas.pipelines import SCENE
from schemas.settings.settings import Settings
from schemas.work.job import BatchReport, VideoOutcome
from vaengine.reporting.run_report import next_steps
from vaengine.requests.request import RunRequest

REPORT = BatchReport("b1", (VideoOutcome("a", "/a.mp4", "completed"),), 1.0)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A server of ours on port 38841, as far as its files and the list of processes tell, beside one of
    somebody else's.
    """
    data, others = tmp_path / "own" / "data", tmp_path / "other" / "data"
    for folder, port in ((data, 38841), (others, 5432)):
        folder.mkdir(parents=True)
        (folder / "postmaster.pid").write_text(f"4711\n{folder}\n1700000000\n{port}\n\n127.0.0.1\n")
    (data.parent / "password").write_text("s3cret")
    processes = [
        SimpleNamespace(info={"name": name, "cmdline": command})
        for name, command in (
            ("postgres", ["/usr/bin/postgres", "-D", str(others)]),
            ("postgres", ["postgres: vaengine vaengine 127.0.0.1(5000) idle"]),
            ("kernel thread", None),
            ("postgres", ["/usr/bin/postgres", "-D", str(data), "-c", "port=38841"]),
        )
    ]
    monkeypatch.setattr(psutil, "process_iter", lambda attributes: iter(processes))
    return data


@pytest.mark.parametrize("port", [38841, "38841"])
def test_the_password_of_a_server_of_ours_is_found_by_its_address(server: Path, port: int | str) -> None:
    assert own_password("127.0.0.1", port, "vaengine") == "s3cret"
    assert own_password("localhost", port, "vaengine") == "s3cret"


@pytest.mark.parametrize(
    ("host", "port", "user"),
    [
        ("127.0.0.1", 5432, "vaengine"),
        ("db.example", 38841, "vaengine"),
        ("127.0.0.1", 38841, "ann"),
        (None, None, None),
    ],
)
def test_no_other_server_is_given_it(
    server: Path, host: str | None, port: int | None, user: str | None
) -> None:
    assert own_password(host, port, user) is None


def steps(url: str, tmp_path: Path) -> str:
    request = RunRequest(("/a.mp4",), (SCENE,), Settings(), tmp_path, url)
    return "\n".join(next_steps(REPORT, request))


def test_next_steps_for_another_server_name_what_to_set(tmp_path: Path) -> None:
    told = steps("postgresql://ann:s3cret@db.example:5432/results", tmp_path)
    assert "vaengine status --db postgresql://ann@db.example:5432/results" in told
    assert "PGPASSWORD" in told
    assert "s3cret" not in told


@pytest.mark.parametrize(
    "url", ["postgresql://vaengine:s3cret@127.0.0.1:38841/vaengine", "postgresql://ann@db.example/results"]
)
def test_next_steps_name_nothing_to_set_where_the_commands_work_as_they_are(
    server: Path, tmp_path: Path, url: str
) -> None:
    assert "PGPASSWORD" not in steps(url, tmp_path)
