"""What dead runs left is removed, and nothing that anybody still uses."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vaengine.maintenance.cleanup import MIN_FOLDER_AGE_S, clean, unused_folders


@pytest.fixture
def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def made(path: Path, *, old: bool = True) -> Path:
    path.mkdir(parents=True)
    (path / "log").write_bytes(b"x" * 1000)
    if old:
        at = path.stat().st_mtime - 2 * MIN_FOLDER_AGE_S
        os.utime(path, (at, at))
    return path


def test_folders_of_dead_runs_and_sessions_go_with_their_size_told(tmp_path: Path, dead_pid: int) -> None:
    session = made(tmp_path / "ray" / f"session_2026-01-01_00-00-00_000000_{dead_pid}")
    own = made(tmp_path / "vaengine-abc")
    assert {(folder.path, folder.size_bytes) for folder in unused_folders(tmp_path)} == {
        (session, 1000),
        (own, 1000),
    }
    told = list(clean(None, tmp_path))
    assert len(told) == 2
    assert all(line.startswith("removed ") for line in told)
    assert not session.exists()
    assert not own.exists()


def test_what_is_young_or_in_use_or_nobody_of_ours_stays(tmp_path: Path, dead_pid: int) -> None:
    made(tmp_path / "vaengine-young", old=False)
    made(tmp_path / "ray" / f"session_2026-01-01_00-00-00_000000_{os.getpid()}")
    made(tmp_path / "other")
    (made(tmp_path / "vaengine-database") / "vaengine.lock").touch()
    os.utime(tmp_path / "vaengine-database", (0, 0))
    used = made(tmp_path / "vaengine-used")
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], cwd=used, stdin=subprocess.PIPE
    ) as process:
        assert list(clean(None, tmp_path)) == []
        process.communicate()
    assert [folder.path for folder in unused_folders(tmp_path)] == [used]
