"""A large batch takes the driver a few bytes a video."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from schemas.packed import packed
from schemas.work.chunk import WorkKey
from schemas.work.job import VideoOutcome
from vaengine.planning.entries import Entries, VideoEntry
from vaengine.requests.inputs.found_files import find_files

pytestmark = pytest.mark.long

VIDEOS = 100_000
PAGE = 1_000
CONSTANT = 8_000_000  # bytes: the largest folder or page, and what Python keeps


def _bytes_kept(work: Callable[[], object]) -> tuple[int, int]:
    """Bytes that the result of some work takes, and that it took at most."""
    tracemalloc.start()
    try:
        result = work()
        kept, most = tracemalloc.get_traced_memory()
        assert result is not None
        return kept, most
    finally:
        tracemalloc.stop()


def test_the_paths_of_a_hundred_thousand_files_take_twenty_bytes_each(tmp_path: Path) -> None:
    names = [tmp_path / f"{number // PAGE:03}" / f"clip_{number:06}.mp4" for number in range(VIDEOS)]
    for name in names:
        name.parent.mkdir(exist_ok=True)
        name.touch()
    (tmp_path / "list.txt").write_text("\n".join(map(str, names)), encoding="utf-8")
    for source in (tmp_path, tmp_path / "list.txt"):
        kept, most = _bytes_kept(lambda source=source: find_files([str(source)]))
        assert kept < 20 * VIDEOS
        assert most < 20 * VIDEOS + CONSTANT
        assert list(find_files([str(source)]).paths) == list(map(str, names))


def test_what_a_run_remembers_of_a_hundred_thousand_videos_takes_no_memory() -> None:
    entries = Entries()

    def remember() -> Entries:
        for start in range(0, VIDEOS, PAGE):
            page = [_entry(number) for number in range(start, start + PAGE)]
            entries.add(page, (), {one.video_id: one.video_id * 3 for one in page}, ())
        return entries

    assert _bytes_kept(remember)[1] < CONSTANT
    assert _bytes_kept(lambda: sum(map(len, entries.pages())))[1] < CONSTANT
    kept, most = _bytes_kept(lambda: packed(_outcomes(entries)))
    assert kept < 20 * VIDEOS
    assert most < 20 * VIDEOS + CONSTANT


def _entry(number: int) -> VideoEntry:
    video_id = f"clip_{number:06}-{number * 2654435761 % 2**32:08x}"
    path = f"/videos/{number // PAGE:03}/clip_{number:06}.mp4"
    return VideoEntry(
        video_id, path, path, f"job-{video_id}", (WorkKey(video_id, "scene_detection", "c1"),), True, False
    )


def _outcomes(entries: Entries) -> Iterator[VideoOutcome]:
    for page in entries.pages():
        for one in page:
            yield VideoOutcome(one.video_id, one.path, "completed")
