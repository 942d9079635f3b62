"""What a remote file is: the same as on a disk, for a fraction of its bytes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from actors.probing.probe import probe
from actors.sources import ranged_file
from actors.sources.block_cache import BlockCache
from schemas.errors import EmptyFile, NotAVideo, SourceUnavailable
from schemas.media.video import Video
from tests.conftest import SHARED
from tests.support.media import clips
from tests.support.servers.web_server import WebServer, served

BLOCK_BYTES = 4096
VARIANTS = [name for name in clips.VARIANTS if name.startswith("h26")] + ["mpeg4_avi_bframes", "mpeg2_ps"]
REAL = {  # clips whose index is listed, with keyframes on the way and sound
    "derived/cuts_every_3s.mp4": 0.3,
    "derived/two_faces_two_speakers_30s.mp4": 0.3,
    "video/intel_one-by-one-person-detection.mp4": 0.1,
    "video/pyfeat_single_face.mp4": 1.1,  # small, and its MP3 sound is decoded at its end
    "cases/d06_noctts.mp4": 0.5,
    "broken/truncated_60pct_moov_first.mp4": 1.1,
}


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebServer]:
    with served(tmp_path) as server:
        yield server


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks so small that short clips have many."""
    monkeypatch.setattr(ranged_file, "SHARED", BlockCache(1000, BLOCK_BYTES))


def as_local(remote: Video, local: Video) -> Video:
    """A remote video with what a disk says of its file."""
    return replace(remote, path=local.path, mtime_ns=local.mtime_ns, version="")


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_remote_clip_has_the_facts_of_its_copy_on_a_disk(
    variant: str, clip_folder: Path, web: WebServer
) -> None:
    path = clips.VARIANTS[variant](clip_folder).path
    shutil.copy(path, web.folder)
    remote, local = probe(web.url(path.name)), probe(str(path))
    assert as_local(remote, local) == local
    assert remote.path == web.url(path.name)
    assert remote.version


@pytest.mark.shared
@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("name", REAL)
def test_what_sample_tables_list_is_not_fetched(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.sources.content.WHOLE_BYTES", 1 << 16)
    monkeypatch.setattr("actors.sources.content.END_BYTES", 1 << 12)
    monkeypatch.setattr("actors.sources.content.SAMPLE_BYTES", 1 << 7)
    with served(SHARED / "media") as web:
        remote, local = probe(web.url(name)), probe(str(SHARED / "media" / name))
        assert replace(as_local(remote, local), video_id="", fingerprint="") == replace(
            local, video_id="", fingerprint=""
        )
        assert web.sent_bytes[name] < REAL[name] * local.size_bytes


def test_a_remote_file_of_something_else_is_refused_as_on_a_disk(web: WebServer) -> None:
    (web.folder / "text.mp4").write_text("no video at all, only words\n" * 50)
    (web.folder / "empty.mp4").touch()
    with pytest.raises(NotAVideo, match=r"text\.mp4: not a video"):
        probe(web.url("text.mp4"))
    with pytest.raises(EmptyFile):
        probe(web.url("empty.mp4"))


def test_a_remote_playlist_leads_to_no_other_file(web: WebServer, clip_folder: Path) -> None:
    clip = clips.VARIANTS["h264_closed_gop"](clip_folder).path
    (web.folder / "list.m3u8").write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:2,\n{clip}\n")
    with pytest.raises(NotAVideo):
        probe(web.url("list.m3u8"))


def test_a_server_that_fails_while_the_index_is_read_is_not_taken_for_the_end_of_the_file(
    web: WebServer, clip_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.sources.access.FIRST_DELAY_S", 0.001)
    monkeypatch.setattr(ranged_file, "SHARED", BlockCache(4, BLOCK_BYTES))
    path = clips.VARIANTS["h264_open_gop_mkv"](clip_folder).path
    shutil.copy(path, web.folder)
    fingerprint = "0" * 64
    probe(web.url(path.name), fingerprint=fingerprint)
    count = web.requests["GET"]
    monkeypatch.setattr(ranged_file, "SHARED", BlockCache(4, BLOCK_BYTES))
    web.faults = [0] * (count // 2) + [500] * 5
    with pytest.raises(SourceUnavailable):
        probe(web.url(path.name), fingerprint=fingerprint)
