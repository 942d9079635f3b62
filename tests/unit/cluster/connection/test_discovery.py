"""Which cluster `auto` means: a table of what is noted, what runs and what answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.connection.discovery import FoundCluster, address_note, candidates, choose, read_note
from cluster.connection.raylets import LocalRaylet, raylets_of

NOTE = Path("/tmp/ray/ray_current_cluster")
RAYLET = "/lib/ray/core/src/ray/raylet/raylet"


@pytest.mark.parametrize(
    ("named", "noted", "seen", "there", "lasting", "found"),
    [
        ("head:1", "noted:1", "seen:1", set(), set(), ("head:1", "RAY_ADDRESS")),
        ("", "noted:1", "seen:1", {"noted:1", "seen:1"}, {"seen:1"}, ("noted:1", str(NOTE))),
        ("auto", "noted:1", "", {"noted:1"}, set(), ("noted:1", str(NOTE))),
        ("", "noted:1", "seen:1", {"seen:1"}, {"seen:1"}, ("seen:1", "its node on this machine")),
        ("", "noted:1", "seen:1", {"seen:1"}, set(), None),
        ("", "noted:1", "", set(), set(), None),
        ("local", "noted:1", "seen:1", {"noted:1", "seen:1"}, {"seen:1"}, None),
        ("", "", "", set(), set(), None),
    ],
)
def test_auto_is_what_the_user_named_else_what_is_noted_and_there_else_a_node_of_no_programs_own(
    named: str, noted: str, seen: str, there: set[str], lasting: set[str], found: tuple[str, str] | None
) -> None:
    raylets = [LocalRaylet(seen, "a")] if seen else []
    choice = choose(
        candidates({"RAY_ADDRESS": named}, NOTE, noted, lambda: raylets),
        is_there=there.__contains__,
        is_lasting=lasting.__contains__,
    )
    assert (choice and (choice.address, choice.origin)) == found


def test_this_machines_processes_are_looked_at_only_where_nothing_else_says_it() -> None:
    def never() -> list[LocalRaylet]:
        raise AssertionError("looked at")

    found = candidates({"RAY_ADDRESS": "head:1"}, NOTE, "noted:1", never)
    assert list(found) == [FoundCluster("head:1", "RAY_ADDRESS", "named")]


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({}, "/tmp"),
        ({"TMPDIR": "/t"}, "/t"),
        ({"TMPDIR": "/t", "RAY_TMPDIR": "/r"}, "/r"),
    ],
    ids=str,
)
def test_the_note_lies_where_ray_writes_it(
    environment: dict[str, str], folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ray._common import utils

    assert address_note(environment) == Path(folder) / "ray" / "ray_current_cluster"
    for name in ("RAY_TMPDIR", "TMPDIR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert utils.get_ray_address_file(None) == str(address_note(environment))


def test_a_note_that_is_missing_or_no_text_is_none(tmp_path: Path) -> None:
    (tmp_path / "note").write_text("head:1\n")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    assert [read_note(tmp_path / name) for name in ("note", "bytes", "missing")] == ["head:1", "", ""]


def test_a_raylet_is_known_by_its_command_line() -> None:
    lines = [
        ["/sbin/init"],
        [
            RAYLET,
            "--node_id=4f",
            "--resources=CPU,1",
            "--gcs-address=10.0.0.1:6379",
            "--python=a --gcs-address=b",
        ],
        [RAYLET, "--node_id=4f"],
        ["/bin/sh", "-c", f"{RAYLET} --node_id=5 --gcs-address=x:1"],
    ]
    assert raylets_of(lines) == (LocalRaylet("10.0.0.1:6379", "4f"),)
