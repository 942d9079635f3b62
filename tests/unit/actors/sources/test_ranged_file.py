"""A remote file as a binary file."""

from __future__ import annotations

import io
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.sources import access
from actors.sources.block_cache import BLOCK_BYTES, BlockCache
from actors.sources.content import WHOLE_BYTES, fingerprint_of, is_changed, sample_starts
from actors.sources.facts import facts_of
from actors.sources.ranged_file import RangedFile
from schemas.errors import (
    AccessDenied,
    EmptyFile,
    FileChanged,
    NoByteRanges,
    NothingThere,
    SourceUnavailable,
    VideoError,
)
from tests.support.servers.web_server import WebServer, served

CONTENT = random.Random(1).randbytes(3 * BLOCK_BYTES + 12345)


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    monkeypatch.setattr(access, "FIRST_DELAY_S", 0.001)
    (tmp_path / "a.bin").write_bytes(CONTENT)
    with served(tmp_path) as server:
        yield server


def opened(web: WebServer, name: str = "a.bin") -> RangedFile:
    return RangedFile(web.url(name), BlockCache())


def test_it_reads_as_the_file_on_the_disk_does(web: WebServer) -> None:
    ours, theirs, random_ = opened(web), io.BytesIO(CONTENT), random.Random(2)
    for _ in range(200):
        whence = random_.choice((os.SEEK_SET, os.SEEK_CUR, os.SEEK_END))
        offset = random_.randint(0, len(CONTENT) + 10) * (-1 if whence == os.SEEK_END else 1)
        if whence == os.SEEK_CUR:
            offset //= 8
        assert ours.seek(offset, whence) == theirs.seek(max(offset, -len(CONTENT)), whence)
        size = random_.choice((0, 1, 512, 32_768, 2 * BLOCK_BYTES, -1))
        assert ours.read(size) == theirs.read(size)
        assert ours.tell() == theirs.tell()
    assert web.sent_bytes["a.bin"] == len(CONTENT), "each block once"


def test_two_readers_of_one_version_share_their_blocks(web: WebServer) -> None:
    cache = BlockCache()
    for _ in range(2):
        with RangedFile(web.url("a.bin"), cache) as file:
            assert file.read(100) == CONTENT[:100]
    assert web.sent_bytes["a.bin"] == BLOCK_BYTES


def test_a_cache_holds_so_many_blocks_and_drops_the_one_used_longest_ago() -> None:
    cache, fetched = BlockCache(2), list[int]()

    def fetch(number: int) -> bytes:
        return cache.block("a", number, lambda: fetched.append(number) or bytes([number]))

    for number in (1, 2, 1, 3, 1, 2):
        assert fetch(number) == bytes([number])
    assert fetched == [1, 2, 3, 2]


def test_faults_of_the_server_in_the_middle_are_not_noticed(web: WebServer) -> None:
    file = opened(web)
    web.faults, web.cut_short = [500, 503], 2
    assert file.read() == CONTENT


def test_a_server_that_does_not_recover_is_told_of_after_some_tries(web: WebServer) -> None:
    file = opened(web)
    web.status_of["a.bin"] = 500
    with pytest.raises(SourceUnavailable, match=r"HTTP status 500.*; 5 tries"):
        file.read(1)
    assert isinstance(file.error, SourceUnavailable), "a demuxer may take an error for the end"


def test_a_file_that_is_replaced_while_it_is_read_is_told_to_have_changed(
    web: WebServer, tmp_path: Path
) -> None:
    file = opened(web)
    file.read(10)
    (tmp_path / "a.bin").write_bytes(CONTENT[::-1])
    with pytest.raises(FileChanged):
        file.read()


@pytest.mark.parametrize(("status", "told"), [(404, NothingThere), (403, AccessDenied), (401, AccessDenied)])
def test_what_the_server_refuses_is_told_at_once(web: WebServer, status: int, told: type[VideoError]) -> None:
    web.status_of["a.bin"] = status
    with pytest.raises(told, match=rf"a\.bin: .*{status}"):
        opened(web)
    assert sum(web.requests.values()) <= 2


def test_a_server_without_ranges_is_refused(web: WebServer) -> None:
    web.ranges = False
    file = opened(web)
    file.seek(2 * BLOCK_BYTES)
    with pytest.raises(NoByteRanges, match="download the file"):
        file.read(1)


def test_what_is_left_out_is_read_as_zeros_and_not_fetched(web: WebServer) -> None:
    file = opened(web)
    file.leave_out_all_but([(BLOCK_BYTES + 5, BLOCK_BYTES + 6)])
    expected = bytes(BLOCK_BYTES) + CONTENT[BLOCK_BYTES : 2 * BLOCK_BYTES]
    assert file.read() == expected + bytes(len(CONTENT) - len(expected))
    assert web.sent_bytes["a.bin"] == BLOCK_BYTES


def test_a_remote_file_that_is_not_large_has_the_fingerprint_of_its_copy_on_a_disk(
    web: WebServer, tmp_path: Path
) -> None:
    assert fingerprint_of(web.url("a.bin")) == fingerprint_of(str(tmp_path / "a.bin"))
    (tmp_path / "empty.bin").touch()
    with pytest.raises(EmptyFile):
        fingerprint_of(web.url("empty.bin"))


@pytest.mark.parametrize("place", [0, 1, -1, "sample"], ids=str)
def test_a_large_remote_file_is_told_from_others_by_its_ends_samples_and_size(
    web: WebServer, tmp_path: Path, place: int | str
) -> None:
    path, size = tmp_path / "large.bin", 3 * WHOLE_BYTES
    content = bytearray(size)
    path.write_bytes(content)
    before = fingerprint_of(web.url("large.bin"))
    assert web.sent_bytes["large.bin"] < size / 5
    at = sample_starts(size)[3] if place == "sample" else int(place)
    content[at] ^= 1
    path.write_bytes(content)
    assert fingerprint_of(web.url("large.bin")) != before


def test_facts_tell_versions_apart_and_a_touch_is_no_change(web: WebServer, tmp_path: Path) -> None:
    url, path = web.url("a.bin"), tmp_path / "a.bin"
    facts, fingerprint = facts_of(url), fingerprint_of(url)
    assert facts.version
    assert not is_changed(url, facts, fingerprint)
    os.utime(path, ns=(0, 10**18))
    assert facts_of(url) != facts
    assert not is_changed(url, facts, fingerprint)
    path.write_bytes(CONTENT[::-1])
    assert is_changed(url, facts, fingerprint)
    path.unlink()
    assert not is_changed(url, facts, fingerprint), "gone is not changed"
