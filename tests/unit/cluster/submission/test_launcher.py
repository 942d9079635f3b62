"""Launch files: what Ray's launcher is asked, with a stand-in for it."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest

from cluster.submission import launcher
from schemas.errors import LaunchFailed, UsageError

STAND_IN = """
import json, os, sys
with open(os.environ["ASKED"], "a") as file:
    file.write(json.dumps(sys.argv[1:]) + chr(10))
sys.exit(int(os.environ.get("ENDS", "0")))
"""


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which the stand-in writes down its arguments."""
    (tmp_path / "stand_in_ray.py").write_text(STAND_IN)
    (tmp_path / "c.yaml").write_text("cluster_name: c\n")
    monkeypatch.setattr(launcher, "RAY", (sys.executable, str(tmp_path / "stand_in_ray.py")))
    monkeypatch.setenv("ASKED", str(tmp_path / "asked"))
    return tmp_path / "asked"


def test_rays_launcher_is_asked_without_questions_to_a_person(asked: Path) -> None:
    file = asked.parent / "c.yaml"
    launcher.up(file, ["--min-workers", "2"])
    assert launcher.on_head(file, ["vaengine", "status", "--cluster", "auto", "a b"]) == 0
    launcher.down(file)
    up, head, down = map(json.loads, asked.read_text().splitlines())
    assert up == ["up", "--yes", "--no-config-cache", "--min-workers", "2", str(file)]
    assert head[:2] == ["exec", str(file)]
    assert shlex.split(head[2]) == ["vaengine", "status", "--cluster", "auto", "a b"]
    assert down == ["down", "--yes", str(file)]


def test_a_launcher_that_fails_is_told_with_the_file(asked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENDS", "3")
    with pytest.raises(LaunchFailed, match=r"c.yaml: ray up failed \(exit code 3\)"):
        launcher.up(asked.parent / "c.yaml")
    assert launcher.on_head(asked.parent / "c.yaml", ["vaengine", "status"]) == 3


def test_a_launch_file_that_is_missing_is_told_before_anything_is_started(asked: Path) -> None:
    with pytest.raises(UsageError, match=r"launch file no.yaml not found"):
        launcher.up(Path("no.yaml"))
    assert not asked.exists()


@pytest.mark.parametrize(
    ("text", "is_one"), [("c.yaml", True), ("x/c.yml", True), ("auto", False), ("head:6379", False)]
)
def test_a_launch_file_is_known_by_its_ending(text: str, is_one: bool) -> None:
    assert launcher.is_launch_file(text) == is_one
