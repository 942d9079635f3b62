"""What clients send in place of videos: archives, under their own names and under those of videos."""

from __future__ import annotations

import gzip
import io
import resource
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.stores.served import client_of, settings_of
from vaengine.server.settings import ServerSettings

MIB = 2**20


def _settings(folder: Path) -> ServerSettings:
    return settings_of(f"sqlite:///{folder}/s.db", folder)


def _left(folder: Path) -> list[Path]:
    return list((folder / "uploads").rglob("*"))


def _gzip_bomb() -> bytes:
    """A gigabyte: members of gzip follow each other."""
    return gzip.compress(bytes(16 * MIB)) * 64


def _zip_bomb() -> bytes:
    """A quarter of a gigabyte, under names of videos."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number in range(8):
            archive.writestr(f"clip{number}.mp4", bytes(32 * MIB))
    return written.getvalue()


@pytest.mark.parametrize("bomb", [_gzip_bomb, _zip_bomb], ids=["gzip", "zip"])
def test_an_archive_that_would_swell_is_no_video_takes_little_memory_and_leaves_nothing(
    tmp_path: Path, bomb: Callable[[], bytes]
) -> None:
    content = bomb()
    assert len(content) < 2 * MIB
    with client_of(_settings(tmp_path)) as client:
        client.put("/api/uploads/small.mp4", content=b"no video")  # loads what probes
        before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        answer = client.put("/api/uploads/clip.mp4", content=content)
        grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib
    assert answer.status_code == 422, answer.text
    error = answer.json()["error"]
    assert error["what"].startswith("clip.mp4: ")
    assert len(f"{error['what']}{error['cure']}".splitlines()) == 1
    assert str(tmp_path) not in answer.text
    assert grown_kib < 128 * 1024
    assert _left(tmp_path) == []


@pytest.mark.parametrize("name", ["clips.zip", "clip.mp4.gz", "clip.tar", "clip.mp4.", "clip"])
def test_an_archive_is_refused_by_its_name_before_it_is_stored(tmp_path: Path, name: str) -> None:
    with client_of(_settings(tmp_path)) as client:
        answer = client.put(f"/api/uploads/{name}", content=b"PK")
    assert (answer.status_code, "no name of a video" in answer.text) == (400, True)
    assert not (tmp_path / "uploads").exists()
