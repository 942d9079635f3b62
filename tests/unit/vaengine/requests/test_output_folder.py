"""Whether results can be written to a folder is known before anything is started."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from schemas.errors import OutputUnusable
from vaengine.requests.output_folder import make_output_folder, require_output_folder


def test_a_folder_that_can_be_made_is_fine_and_is_not_made_yet(tmp_path: Path) -> None:
    require_output_folder(tmp_path / "a" / "b")
    assert not (tmp_path / "a").exists()
    make_output_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


@pytest.mark.parametrize("below", ["", "deep/er"])
def test_a_file_in_the_way_is_named(tmp_path: Path, below: str) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"x")
    with pytest.raises(
        OutputUnusable, match=r"(it|clip\.mp4) is a file, not a folder; choose another folder with --out"
    ):
        require_output_folder(tmp_path / "clip.mp4" / below)


def test_a_broken_link_is_named(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(OutputUnusable, match="a broken link"):
        require_output_folder(tmp_path / "link")


def test_a_name_that_is_too_long_is_told(tmp_path: Path) -> None:
    with pytest.raises(OutputUnusable, match="file name too long"):
        require_output_folder(tmp_path / ("x" * 300))


def test_a_name_that_no_store_can_hold_is_told(tmp_path: Path) -> None:
    with pytest.raises(OutputUnusable, match="not UTF-8"):
        require_output_folder(tmp_path / os.fsdecode(b"caf\xe9"))


def test_a_folder_that_may_not_be_written_to_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # by hand, since root may write anywhere
    with pytest.raises(OutputUnusable, match="may not be written to"):
        require_output_folder(tmp_path / "out")
