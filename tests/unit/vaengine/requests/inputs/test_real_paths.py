"""Real paths are those of the system, with fewer questions."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vaengine.requests.inputs.real_paths import RealPaths


def test_a_path_is_that_of_the_system_through_links_of_files_and_of_folders(tmp_path: Path) -> None:
    (tmp_path / "films" / "old").mkdir(parents=True)
    (tmp_path / "films" / "a.mp4").touch()
    (tmp_path / "link").symlink_to(tmp_path / "films")
    (tmp_path / "films" / "b.mp4").symlink_to("a.mp4")
    (tmp_path / "films" / "broken.mp4").symlink_to("none.mp4")
    real_paths = RealPaths()
    for folder in ("films", "link", "link/old", "link/old/..", "films/old/../../link"):
        for name in ("a.mp4", "b.mp4", "broken.mp4", "none.mp4", ".", "..", ""):
            path = f"{tmp_path}/{folder}/{name}"
            assert real_paths.of(path) == os.path.realpath(path), path


def test_a_folder_is_looked_up_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real = os.path.realpath
    monkeypatch.setattr(os.path, "realpath", lambda path: asked.append(path) or real(path))
    real_paths = RealPaths()
    assert [real_paths.of(f"{tmp_path}/{name}.mp4") for name in "abc"] == [
        f"{real(tmp_path)}/{name}.mp4" for name in "abc"
    ]
    assert asked == [str(tmp_path)]
