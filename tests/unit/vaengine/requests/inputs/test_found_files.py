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
from tests.support.runs.runs import video_paths
from vaengine.requests.inputs.found_files import FoundFiles, Selection, find_files, left_alone_text
from vaengine.requests.inputs.input_search import fits


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
    with pytest.raises(
        UsageError, match=r"list\.txt:1: .* holds a NUL character, which no path does; save the list as UTF-8"
    ):
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


def test_an_unreadable_subfolder_is_left_out_with_a_warning(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def search(*inputs: str, **selection: bool) -> tuple[list[str], FoundFiles]:
    there = find_files(inputs, Selection(**selection))
    return [os.path.relpath(path) for path in there.paths], there


def test_files_that_are_passed_over_are_counted_by_kind() -> None:
    files(
        "v/a.mp4", "v/b.wav", "v/deep/c.wav", "v/notes.txt", "v/README", "v/.hidden", "v/batch_processing.db"
    )
    taken, there = search("v")
    assert taken == ["v/a.mp4"]
    assert there.left_alone == {".wav": 2, "": 1, ".txt": 1}
    assert left_alone_text(there.left_alone) == (
        "4 other files left alone: 2 .wav, 1 without an extension, 1 .txt; name them, or use --all-media"
    )


def test_a_file_that_is_named_too_is_not_left_alone() -> None:
    files("v/a.mp4", "v/b.wav")
    taken, there = search("v", "v/b.wav")
    assert (taken, there.left_alone) == (["v/a.mp4", "v/b.wav"], {})


def test_many_kinds_are_summed_up() -> None:
    assert left_alone_text({f".k{number}": 10 - number for number in range(9)}).count(",") == 7
    assert "9 more; name them" in left_alone_text({f".k{number}": 10 - number for number in range(9)})
    assert left_alone_text({}) == ""


def test_sound_of_a_folder_is_taken_where_only_sound_is_asked_for() -> None:
    files("v/a.mp4", "v/b.WAV", "v/notes.txt")
    taken, there = search("v", sound=True)
    assert (taken, there.left_alone) == (["v/a.mp4", "v/b.WAV"], {".txt": 1})


def test_all_media_takes_sound_and_media_under_any_name_and_nothing_else() -> None:
    files("v/a.mp4", "v/b.wav", "v/notes.txt", "v/c.jpg")
    files("v/0001", content=b"\x00\x00\x00\x18ftypisom")
    taken, there = search("v", everything=True)
    assert (taken, there.left_alone) == (["v/0001", "v/a.mp4", "v/b.wav"], {".jpg": 1, ".txt": 1})


def test_what_a_folder_without_videos_has_instead_is_told() -> None:
    files("v/b.wav")
    with pytest.raises(
        NothingMatched,
        match=r"no video found in v \(1 other file left alone: 1 \.wav; name them, or use --all-media\)",
    ):
        found("v")


def test_trash_and_thumbnails_of_a_drive_are_not_entered() -> None:
    files(
        "v/a.mp4",
        "v/$RECYCLE.BIN/b.mp4",
        "v/@eaDir/a.mp4/c.mp4",
        "v/.Trash-1000/files/d.mp4",
        "v/lost+found/e.mp4",
    )
    assert found("v") == ["v/a.mp4"]


def test_urls_of_videos_come_back_as_they_are_each_once_and_no_server_is_asked() -> None:
    urls = ["https://example.org/a.mp4?token=x", "s3://bucket/a b.mp4", "HTTPS://example.org/a.mp4?token=x"]
    assert find_files(urls).paths == ("https://example.org/a.mp4?token=x", "s3://bucket/a b.mp4")


def test_an_address_of_a_file_is_its_path() -> None:
    files("v/a b.mp4")
    assert found(f"file://{Path.cwd()}/v/a%20b.mp4") == ["v/a b.mp4"]


@pytest.mark.parametrize("url", ["rtsp://camera/1.mp4", "ftp://host/a.mp4"])
def test_another_kind_of_url_is_refused_with_those_that_are_read(url: str) -> None:
    with pytest.raises(UsageError, match=r"of a kind that is not read: s3://, gs://, http://, https:// are"):
        found(url)


def test_a_password_in_a_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(
        UsageError, match=r"^https://example.org/a.mp4 holds a user name or a password"
    ) as told:
        found("https://me:hidden@example.org/a.mp4")
    assert "hidden" not in str(told.value)


def test_a_name_that_begins_with_a_tilde_is_a_name_where_there_is_no_such_user() -> None:
    files("~nobody-of-this-name.mp4")
    assert found("~nobody-of-this-name.mp4") == ["~nobody-of-this-name.mp4"]
    with pytest.raises(UsageError, match=r"~nobody-else/a\.mp4 does not exist"):
        found("~nobody-else/a.mp4")
