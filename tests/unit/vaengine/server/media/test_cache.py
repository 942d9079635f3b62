"""The folder of pictures and previews."""

import os
from pathlib import Path

import pytest

from vaengine.server.media.cache import MediaCache, media_folder

CONTENT = "ab" * 32


def _written(cache: MediaCache, name: str, size: int, used_at: int) -> Path:
    path = cache.prepare(CONTENT, name)
    path.write_bytes(b"x" * size)
    os.utime(path, (used_at, used_at))
    return path


def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    cache = MediaCache(tmp_path, max_bytes=250)
    old, middle, new = (_written(cache, name, 100, at) for name, at in (("a", 1), ("b", 2), ("c", 3)))
    assert cache.found(CONTENT, "a") == old  # now the newest
    cache.prune()
    assert (old.exists(), middle.exists(), new.exists()) == (True, False, True)


def test_use_leaves_the_time_of_modification_by_which_browsers_know_a_file(tmp_path: Path) -> None:
    cache = MediaCache(tmp_path)
    path = cache.prepare("ab", "thumbnail.jpg")
    path.write_bytes(b"picture")
    os.utime(path, (1000, 1000))
    assert cache.found("ab", "thumbnail.jpg") == path
    facts = path.stat()
    assert facts.st_mtime == 1000
    assert facts.st_atime > 1000


def test_only_a_fingerprint_names_a_folder(tmp_path: Path) -> None:
    for name in ("", "../../etc", "AB", "a/b"):
        with pytest.raises(ValueError, match="fingerprint"):
            MediaCache(tmp_path).place(name, "picture.jpg")


def test_the_folder_is_the_users_cache() -> None:
    assert media_folder({"XDG_CACHE_HOME": "/caches"}) == Path("/caches/vaengine/media")
