"""Whose fault a missing path is."""

from __future__ import annotations

import pytest

from actors.stages.visibility import attributed
from schemas.errors import EmptyFile, FileChanged, NodeCannotSee, NothingThere, Unreadable, VideoError

PATH = "/films/a.mp4"


def asked(error: VideoError, *, is_here: bool) -> VideoError:
    return attributed(error, is_here=lambda path: is_here, host=lambda: "node-7")


def test_a_path_that_is_missing_here_is_the_fault_of_this_node() -> None:
    error = asked(Unreadable(PATH, "No such file or directory"), is_here=False)
    assert isinstance(error, NodeCannotSee)
    assert str(error).startswith(f"{PATH}: node node-7 cannot see it (No such file or directory)")
    assert error.transient


@pytest.mark.parametrize(
    ("error", "is_here"),
    [
        (Unreadable(PATH, "Permission denied"), True),
        (EmptyFile(PATH), False),
        (FileChanged(PATH), False),
        (NothingThere("s3://films/a.mp4", "no such object"), False),
        (VideoError(), False),
    ],
    ids=repr,
)
def test_any_other_fault_stays_the_video_s(error: VideoError, is_here: bool) -> None:
    assert asked(error, is_here=is_here) is error
