"""Looking after stores, as far as it needs none: findings, checksums, addresses without secrets,
programs, and what is said.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest

from actors.atomic_files import put_new
from actors.stores.integrity.finding import Finding
from actors.stores.integrity.results import checksum_of, digest_of
from actors.stores.integrity.statistics import Holding, Kind, StoreStatistics, Vectors
from schemas.annotations.annotation import canonical_digest
from schemas.errors import BackupFailed, DumpMissing
from schemas.pipelines import AUDIO, PERSON, SCENE
from tests.support.stores.fake_videos import Clip
from vaengine.maintenance import maintenance_report as report
from vaengine.maintenance.maintenance import Backup, SchemaStatus, Upgrade, VacuumResult
from vaengine.postgres import dump

COMMIT = Clip().commit(Clip().key(PERSON), 0)


def test_a_finding_is_one_line_of_where_what_and_the_cure() -> None:
    assert str(Finding("orphan", "chunks", "2 rows", "delete them")) == "chunks: 2 rows; delete them"
    for broken in (("orphan", "a\nb", "c", "d"), ("orphan", "a", "b", "")):
        with pytest.raises(ValueError, match="one line that leaves nothing out"):
            Finding(*broken)


def test_the_checksum_of_pictures_is_that_of_their_numbers_and_of_sound_that_of_its_bytes() -> None:
    assert checksum_of(PERSON, COMMIT.payload) == COMMIT.line.checksum
    assert checksum_of(AUDIO, b"heard") == hashlib.sha256(b"heard").hexdigest()


def arrays(**named: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **named)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"PK",
        COMMIT.payload[:-30],
        COMMIT.payload[200:],
        arrays(other=np.zeros(3)),
        arrays(x=np.array({}, dtype=object)),
    ],
)
def test_numbers_that_cannot_be_read_have_no_checksum(payload: bytes) -> None:
    assert checksum_of(SCENE, payload) is None


def test_a_payload_with_any_byte_flipped_is_read_without_an_accident() -> None:
    for at in range(0, len(COMMIT.payload), 7):
        damaged = bytearray(COMMIT.payload)
        damaged[at] ^= 0x55
        checksum_of(PERSON, bytes(damaged))


def test_rows_that_cannot_be_read_have_a_digest_in_words() -> None:
    assert digest_of(lambda: [{"a": 1}]) == canonical_digest([{"a": 1}])
    assert digest_of(lambda: [{"a": float("nan")}]) == "unreadable: ValueError"


@pytest.mark.parametrize(
    ("url", "shown", "secret"),
    [
        (
            "postgresql://ann:s3cret@db/annotations",
            "user=ann dbname=annotations host=db",
            {"PGPASSWORD": "s3cret"},
        ),
        (
            "postgresql://ann@db:5433/a?password=p%26q&sslmode=require",
            "user=ann dbname=a host=db port=5433 sslmode=require",
            {"PGPASSWORD": "p&q"},
        ),
        ("postgresql:///annotations", "dbname=annotations", {}),
    ],
)
def test_a_password_goes_into_a_variable_and_out_of_the_address(
    url: str, shown: str, secret: dict[str, str]
) -> None:
    address, variables = dump.without_secret(url)
    assert sorted(address.split()) == sorted(shown.split())
    assert variables == secret


def test_a_password_that_no_variable_carries_is_refused_rather_than_shown() -> None:
    with pytest.raises(BackupFailed, match="sslpassword") as refused:
        dump.without_secret("postgresql://ann@db/a?sslpassword=s3cret")
    assert "s3cret" not in str(refused.value)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """PostgreSQL 15 and 17 for clients, the older one first; the environment that finds them alone."""
    places = []
    for version in ("15.18", "17.2"):
        places.append(tmp_path / version)
        places[-1].mkdir()
        for name in ("pg_dump", "pg_restore"):
            (places[-1] / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")
            (places[-1] / name).chmod(0o755)
    monkeypatch.setattr(dump, "folders", lambda *_: places)
    return {"PATH": ""}


@pytest.mark.parametrize(
    ("server", "taken"), [("15.3", "15.18"), ("16.1", "17.2"), ("17.9", "17.2"), ("9.6.24", "15.18")]
)
def test_a_database_is_dumped_by_the_programs_nearest_to_its_server_and_never_by_older_ones(
    server: str, taken: str, installed: dict[str, str]
) -> None:
    assert dump.chosen(server, installed).version == taken


def test_programs_that_are_older_than_the_server_are_named_with_the_cure(installed: dict[str, str]) -> None:
    with pytest.raises(
        DumpMissing, match=r"PostgreSQL 18 \(here is 15\.18, 17\.2\).*client programs of version 18 or newer"
    ):
        dump.chosen("18.4", installed)


def test_a_finished_file_gets_its_name_only_where_nothing_has_it(tmp_path: Path) -> None:
    unfinished, path = tmp_path / "unfinished", tmp_path / "path"
    unfinished.write_bytes(b"whole")
    put_new(unfinished, path)
    assert path.read_bytes() == b"whole"
    unfinished.unlink()
    unfinished.write_bytes(b"other")
    with pytest.raises(FileExistsError):
        put_new(unfinished, path)
    assert path.read_bytes() == b"whole"


def test_where_links_are_not_to_be_had_a_finished_file_is_moved_and_still_replaces_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", refused)
    unfinished, path = tmp_path / "unfinished", tmp_path / "path"
    unfinished.write_bytes(b"whole")
    put_new(unfinished, path)
    assert [one.name for one in tmp_path.iterdir()] == ["path"]
    unfinished.write_bytes(b"other")
    with pytest.raises(FileExistsError):
        put_new(unfinished, path)
    assert path.read_bytes() == b"whole"


@pytest.mark.parametrize(
    ("stands", "line"),
    [
        (SchemaStatus("s", None, "0003", "empty"), "tables none, this version 0003: there are no tables yet"),
        (
            SchemaStatus("s", "0002", "0003", "older"),
            "tables 0002, this version 0003: they differ: a run upgrades the tables",
        ),
        (SchemaStatus("s", "0003", "0003", "current"), "tables 0003, this version 0003: they agree"),
        (SchemaStatus("s", "0009", "0003", "newer"), "update vaengine"),
        (SchemaStatus("s", None, "0003", "foreign"), "somebody else's"),
    ],
)
def test_where_tables_stand_is_one_line(stands: SchemaStatus, line: str) -> None:
    (told,) = report.schema_status_lines(stands)
    assert line in told
    assert stands.agrees == (stands.state == "current")


def test_what_was_done_is_one_line() -> None:
    assert report.upgrade_line(Upgrade("sqlite:///s", "0002", "0003")) == "sqlite:///s: tables 0002 -> 0003"
    assert report.upgrade_line(Upgrade("s", "0003", "0003")).endswith("already, nothing was done")
    assert report.vacuum_line(VacuumResult("s", 4096, 2048)) == "s: 4.0 KiB before, 2.0 KiB after"
    assert (
        report.backup_line(Backup("s", Path("/b"), 2048, "--db b")) == "/b (2.0 KiB) has s; to use it: --db b"
    )


def test_what_a_store_holds_is_told_in_tables() -> None:
    census = StoreStatistics(
        4096,
        2,
        (Holding("jobs", 1200, 4096), Holding("meta", 1, None)),
        {"completed": 1200},
        (Kind(SCENE, "scene", 7),),
        (Vectors(PERSON, "osnet", 3, 6144),),
        "2024-01-01 00:00:00",
        "2024-01-02 00:00:00",
    )
    assert report.census_lines(census) == [
        "4.0 KiB; 2 videos; jobs: 1200 completed",
        "jobs from 2024-01-01 00:00:00 to 2024-01-02 00:00:00 UTC; no result yet",
    ]
    held, kinds, vectors = report.census_tables(census)
    assert held.rows == (("jobs", "1,200", "4.0 KiB"), ("meta", "1", "?"))
    assert kinds.rows == ((SCENE, "scene", "7"),)
    assert vectors.rows == ((PERSON, "osnet", "3", "6.0 KiB"),)
    assert report.census_lines(StoreStatistics(0, 0, ())) == ["0 B; 0 videos; jobs: none"]
