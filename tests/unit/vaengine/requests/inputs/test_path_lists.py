"""Lists of paths as text and as Parquet."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from actors.sources.writing import require_writable_url
from schemas.errors import UsageError
from vaengine.requests.inputs.path_lists import entries_of, is_list
from vaengine.requests.run_options import MOST_VIDEO_FOLDERS, files_notes, has_usual_files
from vaengine.requests.store_location import results_folder


def written(path: Path, columns: dict[str, list[object]]) -> str:
    parquet.write_table(pa.table(columns), path)
    return str(path)


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
def test_lines_are_numbered_and_comments_and_blanks_are_left_out(tmp_path: Path, ending: bytes) -> None:
    path = tmp_path / "some.txt"
    path.write_bytes(b"\xef\xbb\xbf" + ending.join([b"a.mp4", b"", b"# no", b" s3://b/c.mp4 ", b"\xff.mp4"]))
    assert list(entries_of(str(path))) == [(1, "a.mp4"), (4, "s3://b/c.mp4"), (5, "\udcff.mp4")]


@pytest.mark.parametrize("name", ["path", "url", "uri", "anything"])
def test_a_manifest_has_its_paths_in_a_known_column_or_in_the_only_one_of_text(
    tmp_path: Path, name: str
) -> None:
    manifest = written(tmp_path / "m.parquet", {name: ["a.mp4", None, "", "b.mp4"], "size": [1, 2, 3, 4]})
    assert list(entries_of(manifest)) == [(1, "a.mp4"), (4, "b.mp4")]


def test_a_manifest_whose_column_is_unclear_is_refused_with_its_columns(tmp_path: Path) -> None:
    manifest = written(tmp_path / "m.parquet", {"first": ["a"], "second": ["b"]})
    with pytest.raises(UsageError, match=r"no column of paths: .* \(it has first, second\)"):
        list(entries_of(manifest))


def test_something_else_under_the_name_of_a_manifest_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.parquet").write_bytes(b"no parquet at all")
    with pytest.raises(UsageError, match="no Parquet file that can be read"):
        list(entries_of(str(tmp_path / "m.parquet")))


@pytest.mark.parametrize("suffix", [".txt", ".parquet"])
def test_a_list_is_read_as_a_stream(tmp_path: Path, suffix: str) -> None:
    """The memory for 200,000 paths is not that of all of them: they would take some 20 MB."""
    path, paths = tmp_path / f"many{suffix}", [f"s3://bucket/{number:09}.mp4" for number in range(200_000)]
    if suffix == ".txt":
        path.write_text("\n".join(paths))
    else:
        written(path, {"path": list(paths)})
    del paths
    next(iter(entries_of(str(path))))  # imports
    tracemalloc.start()
    count = sum(1 for _ in entries_of(str(path)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 200_000
    assert peak < 4 << 20


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("/a/list.txt", True),
        ("/a/LIST.LST", True),
        ("s3://b/m.parquet", True),
        ("https://h/list.txt?token=x.mp4", True),
        ("/a/b.mp4", False),
        ("s3://b/c/", False),
    ],
)
def test_a_list_is_known_by_its_name(location: str, told: bool) -> None:
    assert is_list(location) == told


def test_above_a_number_of_videos_no_folders_are_made_unless_they_are_asked_for() -> None:
    assert has_usual_files(MOST_VIDEO_FOLDERS)
    assert not has_usual_files(MOST_VIDEO_FOLDERS + 1)
    assert files_notes(MOST_VIDEO_FOLDERS, is_said=False) == ()
    assert files_notes(MOST_VIDEO_FOLDERS + 1, is_said=True) == ()
    (line,) = files_notes(MOST_VIDEO_FOLDERS + 1, is_said=False)
    assert "50,001 videos" in line
    assert "--files" in line


def test_results_at_a_url_are_refused_with_the_option_that_puts_them_there() -> None:
    with pytest.raises(UsageError, match="give --publish"):
        results_folder("s3://bucket/results", None)


@pytest.mark.parametrize("url", ["https://host/results", "/a/folder", "ftp://host/a"])
def test_files_are_published_to_object_stores_only(url: str) -> None:
    with pytest.raises(UsageError, match="no place that files can be written to"):
        require_writable_url(url)
