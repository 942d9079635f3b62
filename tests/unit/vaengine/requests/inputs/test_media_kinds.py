"""Which files of a folder are media, by name and by their first bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from vaengine.requests.inputs.media_kinds import (
    begins_like_media,
    is_media,
    is_system_folder,
    is_video_name,
    suffix_of,
)

TS_PACKET = b"G" + b"\x40" * 187


@pytest.mark.parametrize(
    "name",
    [
        "a.insv",
        "b.360",
        "C.MOD",
        "d.tod",
        "e.m2t",
        "f.qt",
        "g.ogm",
        "h.dav",
        "i.m2p",
        "j.mpe",
        "k.wtv",
        "l.nut",
        "m.lrv",
        "n.Mp4",
    ],
)
def test_what_cameras_and_recorders_write_is_a_video(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"\x00")
    assert is_video_name(tmp_path / name)


def test_blanks_at_the_end_of_a_name_belong_to_no_extension() -> None:
    assert suffix_of(Path("clip.MP4  ")) == ".mp4"


@pytest.mark.parametrize("name", ["module.mod", "code.ts", "shape.nut"])
def test_text_under_an_extension_that_both_share_is_no_video(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("MODULE Main; BEGIN END Main.\n")
    assert not is_video_name(tmp_path / name)


@pytest.mark.parametrize(
    "head",
    [
        b"\x00\x00\x00\x18ftypisom",
        b"\x00\x00\x00\x08wide\x00\x00",
        b"RIFF\x10\x00\x00\x00AVI LIST",
        b"RF64\xff\xff\xff\xffWAVEds64",
        b"\x1aE\xdf\xa3\x01",
        b"OggS\x00",
        b"\x00\x00\x01\xba\x44",
        b"\x00\x00\x00\x01\x67\x42",
        TS_PACKET * 3,
        b"\x00\x00\x00\x00" + TS_PACKET + b"\x00\x00\x00\x00" + TS_PACKET,
    ],
)
def test_containers_and_streams_are_known_by_their_first_bytes(head: bytes) -> None:
    assert begins_like_media(head)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"G",
        b"GIFT LIST: eggs, milk",
        b"\xff\xd8\xff\xe0",
        b"\x89PNG\r\n",
        b"\x00\x00\x00\x18ftypheic",
        b"SQLite format 3\x00",
        b"PK\x03\x04",
    ],
)
def test_other_files_are_not(head: bytes) -> None:
    assert not begins_like_media(head)


def test_media_under_any_name_is_media(tmp_path: Path) -> None:
    (tmp_path / "0001.bin").write_bytes(b"\x00\x00\x00\x18ftypisom")
    (tmp_path / "notes.doc").write_bytes(b"\xd0\xcf\x11\xe0")
    assert is_media(tmp_path / "0001.bin")
    assert is_media(tmp_path / "sound.mp3")
    assert not is_media(tmp_path / "notes.doc")


@pytest.mark.parametrize(
    "name", ["$RECYCLE.BIN", "@eaDir", ".Trash-1000", ".Trashes", "lost+found", "System Volume Information"]
)
def test_folders_that_a_system_keeps_for_itself_are_known(name: str) -> None:
    assert is_system_folder(name)
