"""From what a person names to the videos meant."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import NothingMatched, UsageError
from vaengine.inputs import fits, video_paths


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def files(*names: str, content: bytes = b"\x00") -> None:
    for name in names:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def found(*inputs: str) -> list[str]:
    return [os.path.relpath(path) for path in video_paths(inputs)]


def test_a_folder_gives_videos_of_any_letter_case_at_any_depth() -> None:
    files("v/b.MP4", "v/a.mkv", "v/deep/er/c.MoV", "v/notes.md", "v/sound.wav")
    assert found("v") == ["v/a.mkv", "v/b.MP4", "v/deep/er/c.MoV"]


def test_paths_come_back_absolute() -> None:
    files("v/a.mp4")
    assert all(path.is_absolute() for path in video_paths(["v", "v/../v/a.mp4"]))


def test_a_named_file_may_have_any_extension() -> None:
    files("odd.bin", "noextension")
    assert found("odd.bin", "noextension") == ["odd.bin", "noextension"]


def test_hidden_files_and_folders_are_left_out_unless_named() -> None:
    files("v/.hidden.mp4", "v/._a.mp4", "v/.git/b.mp4", "v/c.mp4")
    assert found("v") == ["v/c.mp4"]
    assert found("v/.hidden.mp4", "v/.git") == ["v/.hidden.mp4", "v/.git/b.mp4"]


def test_the_same_file_counts_once_however_it_is_named() -> None:
    files("v/a.mp4")
    Path("link.mp4").symlink_to("v/a.mp4")
    assert found("v/a.mp4", "v", "./v/*.mp4", "link.mp4") == ["v/a.mp4"]


def test_links_that_lead_in_a_circle_end_the_search() -> None:
    files("v/a.mp4", "v/sub/b.mp4")
    Path("v/sub/up").symlink_to(Path("v").absolute())
    Path("v/again").symlink_to(Path("v/sub").absolute())
    assert sorted(os.path.basename(path) for path in found("v")) == ["a.mp4", "b.mp4"]  # noqa: PTH119
    assert sorted(os.path.basename(path) for path in found("v/**/*.mp4")) == ["a.mp4", "b.mp4"]  # noqa: PTH119


def test_a_broken_link_is_kept_so_that_the_report_names_it() -> None:
    files("v/a.mp4")
    Path("v/gone.mp4").symlink_to("nowhere.mp4")
    assert found("v") == ["v/a.mp4", "v/gone.mp4"]


def test_a_pipe_that_would_block_is_left_out_and_refused_when_named() -> None:
    files("v/a.mp4")
    os.mkfifo("v/pipe.mp4")
    assert found("v") == ["v/a.mp4"]
    with pytest.raises(UsageError, match="neither a file nor a folder"):
        found("v/pipe.mp4")


def test_folders_of_our_own_results_are_left_out() -> None:
    files("v/a.mp4", "v/a-0123abcd/rendered.mp4", "v/a-0123abcd/job_metadata.json", "v/day-20240101/b.mp4")
    assert found("v") == ["v/a.mp4", "v/day-20240101/b.mp4"]


def test_results_beside_the_videos_do_not_hide_the_videos() -> None:
    files("v/a.mp4", "v/batch_processing.db", "v/a-0123abcd/job_metadata.json")
    assert found("v") == ["v/a.mp4"]


def test_typescript_is_no_transport_stream() -> None:
    files("v/code.ts", content=b"export const a = 1;\n")
    files("v/real.ts", content=b"G\x40\x00\x10" * 47)
    files("v/empty.ts", content=b"")
    assert found("v") == ["v/empty.ts", "v/real.ts"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("v/*.mp4", ["v/a.mp4"]),
        ("v/**/*.mp4", ["v/a.mp4", "v/sub/b.mp4", "v/sub/deep/c.mp4"]),
        ("v/**", ["v/a.mp4", "v/sub/b.mp4", "v/sub/deep/c.mp4"]),
        ("v/*", ["v/a.mp4", "v/sub/b.mp4", "v/sub/deep/c.mp4"]),
        ("v/*/[bc].mp4", ["v/sub/b.mp4"]),
        ("**/c.*", ["v/sub/deep/c.mp4"]),
        ("v/*.txt", ["v/note.txt"]),
    ],
)
def test_globs_cross_folders_with_two_stars(pattern: str, expected: list[str]) -> None:
    files("v/a.mp4", "v/sub/b.mp4", "v/sub/deep/c.mp4", "v/.h.mp4", "v/note.txt")
    assert found(pattern) == expected


def test_a_file_whose_name_looks_like_a_glob_is_that_file() -> None:
    files("clip[1].mp4", "clip1.mp4")
    assert found("clip[1].mp4") == ["clip[1].mp4"]


def test_a_glob_without_a_match_among_others_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    files("a.mp4")
    assert found("a.mp4", "*.mkv") == ["a.mp4"]
    assert "*.mkv matches nothing" in caplog.text


@pytest.mark.parametrize("name", ["list.txt", "list.LST"])
def test_a_text_list_is_relative_to_itself(name: str) -> None:
    files("v/a b.mp4", "v/é.mp4", "v/sub/c.mp4")
    Path("v", name).write_text("\ufeff# two clips\r\na b.mp4\r\n\r\n  é.mp4  \nsub\n", encoding="utf-8")
    assert found(f"v/{name}") == ["v/a b.mp4", "v/é.mp4", "v/sub/c.mp4"]


def test_a_list_may_hold_names_in_any_encoding() -> None:
    name = os.fsdecode(b"caf\xe9.mp4")
    files(name)
    Path("list.txt").write_bytes(b"caf\xe9.mp4\n")
    assert found("list.txt") == [name]


def test_a_list_in_utf_16_is_told_with_list_and_line() -> None:
    Path("list.txt").write_text("a.mp4", encoding="utf-16-le")
    with pytest.raises(UsageError, match=r"list\.txt:1: .* holds a NUL character, which no path does; save the list as UTF-8"):
        found("list.txt")


def test_a_list_on_standard_input_is_relative_to_the_working_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    files("v/a.mp4")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"v/a.mp4\n")))
    assert found("-") == ["v/a.mp4"]


def test_a_missing_path_in_a_list_names_list_and_line() -> None:
    files("a.mp4")
    Path("list.txt").write_text("a.mp4\n# no\ngone.mp4\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"list\.txt:3: .*gone\.mp4 does not exist"):
        found("list.txt")


def test_a_missing_path_among_others_is_named() -> None:
    files("a.mp4")
    with pytest.raises(UsageError, match=r"gone\.mp4 does not exist"):
        found("a.mp4", "gone.mp4")


def test_nothing_found_names_the_inputs() -> None:
    Path("empty").mkdir()
    with pytest.raises(NothingMatched, match=r"empty, \*\.mkv"):
        found("empty", "*.mkv")


def test_an_unreadable_subfolder_is_left_out_with_a_warning(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    files("v/a.mp4", "v/lost/b.mp4")
    scandir = os.scandir

    def refusing(folder: Path) -> Iterator[os.DirEntry[str]]:
        if Path(folder).name == "lost":  # by hand, since root may read everything
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refusing)
    assert found("v") == ["v/a.mp4"]
    assert "lost is left out: Permission denied" in caplog.text


@given(st.lists(st.sampled_from("abc"), max_size=5))
def test_two_stars_fit_every_path(parts: list[str]) -> None:
    assert fits(parts, ["**"])
    assert fits([*parts, "x"], ["**", "x"])
    assert fits(parts, parts)
