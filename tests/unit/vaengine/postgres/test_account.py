"""Who runs PostgreSQL, and what is closed to them."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from vaengine.postgres.account import Account

OTHER = Account(uid=os.geteuid() + 1000, gid=os.getegid() + 1000, borrowed=True)


def test_a_user_runs_it_and_nothing_is_asked_of_the_system(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1234)
    me = Account.here()
    assert (me.uid, me.borrowed, me.options) == (1234, False, {})
    tmp_path.chmod(0o700)
    assert me.obstacle(tmp_path) is None
    me.admit(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o700


def test_root_runs_it_as_nobody_in_no_group_of_roots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    nobody = Account.here()
    assert nobody.borrowed
    assert nobody.options == {"user": nobody.uid, "group": nobody.gid, "extra_groups": []}
    assert nobody.uid != 0


def test_the_first_closed_folder_on_the_way_is_found() -> None:
    with tempfile.TemporaryDirectory() as place:  # pytest's own folders are closed already
        top = Path(place)
        top.chmod(0o711)
        inner = top / "closed" / "open" / "data"
        inner.mkdir(parents=True)
        (top / "closed").chmod(0o700)
        assert OTHER.obstacle(inner / "not there yet") == top / "closed"
        OTHER.admit(top / "closed")
        assert OTHER.obstacle(inner) is None


@pytest.mark.parametrize(
    ("mode", "owned", "grouped", "passes"),
    [
        (0o700, True, False, True),
        (0o700, False, True, False),
        (0o710, False, True, True),
        (0o701, False, True, False),
        (0o701, False, False, True),
        (0o766, False, False, False),
    ],
)
def test_permissions_are_read_as_the_system_reads_them(
    tmp_path: Path, mode: int, owned: bool, grouped: bool, passes: bool
) -> None:
    tmp_path.chmod(mode)
    facts = tmp_path.stat()
    account = Account(
        facts.st_uid if owned else facts.st_uid + 1,
        facts.st_gid if grouped else facts.st_gid + 1,
        borrowed=True,
    )
    assert account.passes(facts) is passes
