"""An export is complete or not there, and takes nobody's files away."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.errors import UsageError
from vaengine.exporting.output_file import bytes_file
from vaengine.exporting.output_folder import MANIFEST, check_folder, whole_folder, write_file, write_manifest


def written(target: Path, *names: str) -> None:
    with whole_folder(target) as folder:
        sizes = {name: write_file(folder, bytes_file(name, b"x")) for name in names}
        write_manifest(folder, {"files": sizes})


def stopped(target: Path) -> None:
    with whole_folder(target) as folder:
        write_file(folder, bytes_file("a/b.json", b"{}"))
        raise KeyboardInterrupt


def test_a_folder_is_there_only_when_it_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "new" / "coco"
    with pytest.raises(KeyboardInterrupt):
        stopped(target)
    assert list((tmp_path / "new").iterdir()) == []
    written(target, "a/b.json")
    assert sorted(path.name for path in target.rglob("*")) == ["a", "b.json", MANIFEST]


def test_an_earlier_export_is_replaced_only_by_force_and_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "coco"
    written(target, "old.json")
    with pytest.raises(UsageError, match="--force"):
        check_folder(target, force=False)
    check_folder(target, force=True)
    written(target, "new.json")
    assert sorted(path.name for path in target.iterdir()) == ["new.json", MANIFEST]
    assert [path.name for path in tmp_path.iterdir()] == ["coco"]


def test_files_of_others_stay_where_they_are_even_by_force(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis/thesis.docx").touch()
    with pytest.raises(UsageError, match="no export"):
        check_folder(tmp_path / "thesis", force=True)
    written(tmp_path / "coco", "old.json")
    (tmp_path / "coco/notes.txt").touch()
    with pytest.raises(UsageError, match=r"notes\.txt"):
        check_folder(tmp_path / "coco", force=True)
    with pytest.raises(UsageError, match="is a file"):
        check_folder(tmp_path / "coco/notes.txt", force=True)


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", ""])
def test_no_file_is_written_outside_the_folder(name: str) -> None:
    with pytest.raises(ValueError, match="below a folder"):
        bytes_file(name, b"")
