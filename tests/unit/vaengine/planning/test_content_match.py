"""A file is the video of its content, whatever it is called: decided from values alone."""

from __future__ import annotations

import pytest

from schemas.errors import NotAVideo
from schemas.media.video import is_named_after
from tests.support.stores.fake_videos import Clip
from vaengine.planning.content_match import identified
from vaengine.planning.prober import ProbedVideo

GARDEN = Clip("/clips/garden.mp4", "a")
RENAMED = Clip("/clips/renamed.mp4", "a")
POND = Clip("/clips/pond.mp4", "b")


def probed(*clips: Clip) -> list[ProbedVideo]:
    return [ProbedVideo(clip.name, clip.video_id, clip.fingerprint, clip.video) for clip in clips]


def ids(
    files: list[ProbedVideo],
    taken: dict[str, str] | None = None,
    known: dict[str, str] | None = None,
    met: dict[str, str] | None = None,
) -> tuple:
    found = identified(files, taken or {}, known or {}, met or {})
    assert all(
        one.video is None or one.video.video_id == one.video_id for one in (*found.fresh, *found.copies)
    )
    return [(one.path, one.video_id) for one in found.fresh], [
        (one.path, one.video_id) for one in found.copies
    ]


@pytest.mark.parametrize(
    ("files", "taken", "known", "fresh", "copies"),
    [
        ((GARDEN, POND), {}, {}, [GARDEN, POND], []),
        ((RENAMED,), {}, {GARDEN.fingerprint: GARDEN.video_id}, [(RENAMED, GARDEN)], []),
        (
            (RENAMED, GARDEN),
            {GARDEN.video_id: GARDEN.fingerprint},
            {GARDEN.fingerprint: GARDEN.video_id},
            [(RENAMED, GARDEN)],
            [(GARDEN, GARDEN)],
        ),
        ((GARDEN, RENAMED), {}, {}, [GARDEN], [(RENAMED, GARDEN)]),
        # An older version gave the copy an id of its own, which does not change.
        ((GARDEN, RENAMED), {RENAMED.video_id: RENAMED.fingerprint}, {}, [GARDEN, RENAMED], []),
    ],
)
def test_a_file_is_the_video_of_its_content(
    files: tuple, taken: dict, known: dict, fresh: list, copies: list
) -> None:
    pairs = [one if isinstance(one, tuple) else (one, one) for one in fresh]
    expected = (
        [(file.name, video.video_id) for file, video in pairs],
        [(file.name, video.video_id) for file, video in copies],
    )
    assert ids(probed(*files), taken, known) == expected


def test_a_short_id_of_another_content_makes_a_longer_one() -> None:
    assert ids(probed(GARDEN), {GARDEN.video_id: "c" * 64}) == ([(GARDEN.name, f"garden-{'a' * 16}")], [])


def test_what_the_run_has_met_before_is_a_copy() -> None:
    met = {GARDEN.video_id: GARDEN.fingerprint}
    assert ids(probed(GARDEN), met, {}, met) == ([], [(GARDEN.name, GARDEN.video_id)])
    assert ids(probed(RENAMED), met, {GARDEN.fingerprint: GARDEN.video_id}, met) == (
        [],
        [(RENAMED.name, GARDEN.video_id)],
    )


def test_files_that_cannot_be_read_each_have_a_failure_of_their_own() -> None:
    bad = [
        ProbedVideo(clip.name, clip.video_id, clip.fingerprint, error=NotAVideo(clip.name, "no"))
        for clip in (GARDEN, RENAMED)
    ]
    assert ids(bad) == ([(GARDEN.name, GARDEN.video_id), (RENAMED.name, RENAMED.video_id)], [])


@pytest.mark.parametrize(
    ("video_id", "path", "named"),
    [
        ("garden-aaaaaaaa", "/clips/garden.mp4", True),
        ("garden-aaaaaaaaaaaaaaaa", "/other/garden.MOV", True),
        ("garden-aaaaaaaa", "/clips/renamed.mp4", False),
        ("k-chen_2-bbbbbbbb", "/clips/k-chen 2.mp4", True),
    ],
)
def test_an_id_tells_whether_it_was_made_for_a_file_of_that_name(
    video_id: str, path: str, named: bool
) -> None:
    assert is_named_after(video_id, path) is named
