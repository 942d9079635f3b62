"""What a run remembers of its videos is what it was told, in that order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import DiskFull
from schemas.work.chunk import WorkKey
from vaengine.planning import entries as module
from vaengine.planning.entries import Entries, RefusedVideo, VideoEntry

MARKS = st.tuples(st.booleans(), st.booleans(), st.booleans(), st.integers(0, 2))


def entry(number: int, *, readable: bool = True, skipped: bool = False, shown: str = "") -> VideoEntry:
    video_id, path = f"clip{number}-0123abcd", f"/v/{number}.mp4"
    keys = (WorkKey(video_id, "scene_detection", "c1"), WorkKey(video_id, "audio", f"c{number % 2}"))
    return VideoEntry(video_id, path, shown or path, f"job{number}", keys, readable, skipped)


def remembered(*told: VideoEntry, copies: tuple[tuple[str, str], ...] = ()) -> Entries:
    entries = Entries()
    entries.add(told, (), {one.video_id: f"print of {one.path}" for one in told}, copies)
    return entries


@given(st.lists(st.lists(MARKS, max_size=6), max_size=4))
def test_pages_have_all_videos_in_the_order_they_were_told(pages: list[list[tuple]]) -> None:
    entries, told, refused, copies = Entries(), [], [], dict[str, tuple[str, ...]]()
    for page in pages:
        first = len(told) + len(refused)
        new = [
            entry(first + place, readable=readable, skipped=skipped, shown="/old.mp4" if is_moved else "")
            for place, (readable, skipped, is_moved, _) in enumerate(page)
        ]
        paths = [
            (one.video_id, f"/copy/{n}{one.path}")
            for one, marks in zip(new, page, strict=True)
            for n in range(marks[3])
        ]
        left_alone = [RefusedVideo(one.video_id, one.path, "no\ud800", "why") for one in new[1::2]]
        entries.add(new[::2], left_alone, {one.video_id: one.path for one in new}, paths)
        told, refused = told + new[::2], refused + left_alone
        for video_id, path in paths:
            copies[video_id] = (*copies.get(video_id, ()), path)
    with mock.patch.object(module, "ENTRIES_AT_ONCE", 2):
        assert [one for page in entries.pages() for one in page] == told
        assert all(len(page) <= 2 for page in entries.pages())
        assert [one for page in entries.pages(unfinished=True) for one in page] == [
            one for one in told if one.readable and not one.skipped
        ]
        assert list(entries.refused()) == refused
    assert dict(entries) == {one.video_id: one for one in told}
    assert entries.copies_of([*copies, "none"]) == copies
    assert entries.refused_among([one.video_id for one in (*told, *refused)]) == {
        one.video_id for one in refused
    }
    assert dict(entries.fingerprints) == {one.video_id: one.path for one in (*told, *refused)}
    assert (len(entries), entries.paths) == (
        len(told),
        len(told) + len(refused) + sum(map(len, copies.values())),
    )


def test_a_video_is_found_by_its_job_and_a_path_by_whether_it_is_known() -> None:
    entries = remembered(entry(1), entry(2), copies=((entry(1).video_id, "/v/1 copy.mp4"),))
    assert entries.of_jobs(["job2", "job3"]) == {"job2": entry(2).video_id}
    assert entries.unknown(["/v/3.mp4", "/v/2.mp4", "/v/1 copy.mp4", "/v/0.mp4"]) == ["/v/3.mp4", "/v/0.mp4"]
    entries.add([entry(3)], (), {entry(3).video_id: "c"}, ())
    assert entries.of_jobs(["job3"]) == {"job3": entry(3).video_id}
    assert entries.unknown(["/v/3.mp4"]) == []
    with pytest.raises(KeyError):
        entries["none"]


def test_a_disk_without_room_for_them_is_told() -> None:
    entries = Entries()
    entries._connection.execute("PRAGMA max_page_count = 12")
    many = [replace(entry(number), path="/v/" + "x" * 900 + str(number)) for number in range(200)]
    with pytest.raises(DiskFull, match="no room to write"):
        entries.add(many, (), {one.video_id: "p" for one in many}, ())


def test_nothing_of_them_is_seen_in_the_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SQLITE_TMPDIR", str(tmp_path))
    with mock.patch.object(module, "CACHE_KIB", 64):
        entries = remembered(*map(entry, range(3000)))
    assert len(entries) == 3000
    assert list(tmp_path.iterdir()) == []
