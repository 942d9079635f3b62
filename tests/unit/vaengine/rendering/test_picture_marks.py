"""Marks of pictures: what a picture was drawn from is told by the picture itself, in every kind of file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import UsageError
from schemas.pipelines import PERSON
from schemas.work.job import JobStatus, PipelineResult
from tests.support.stores.fake_videos import Clip
from tests.support.stores.plotted import rows
from vaengine.plotting.video_plot import FORMATS, picture_bytes, plot_video
from vaengine.rendering.frame_composer import BoxFilter
from vaengine.rendering.output_file import check_target
from vaengine.rendering.render import RenderOptions
from vaengine.rendering.source_marks import SEARCHED_BYTES, SourceMark, digest_of, mark_in, mark_of
from vaengine.results.lookup import VideoResults

DIGEST = "a" * 64
MARK = SourceMark("render", "garden-aaaaaaaa", DIGEST)


def results(persons: int = 2) -> VideoResults:
    key = Clip().key(PERSON)
    result = PipelineResult(PERSON, key.config_hash, JobStatus.COMPLETED)
    return VideoResults(Clip().video, tuple(rows(persons)), {PERSON: result}, {PERSON: Clip().job(key)})


@given(st.sampled_from(["render", "plot"]), st.text(min_size=1).filter(lambda text: text.isprintable()))
def test_a_mark_is_read_as_it_was_written_whatever_it_is_of(command: str, subject: str) -> None:
    mark = SourceMark(command, subject, DIGEST)
    assert str(mark).isascii()
    assert len(str(mark).split()) == 1


@pytest.mark.parametrize(
    "facts", [("edit", "garden", DIGEST), ("plot", "", DIGEST), ("plot", "garden", "aa")]
)
def test_what_is_no_mark_is_refused(facts: tuple[str, str, str]) -> None:
    with pytest.raises(ValueError, match="no mark"):
        SourceMark(*facts)


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_plot_carries_its_mark(file_format: str, tmp_path: Path) -> None:
    figure, mark = plot_video(rows(persons=30), title="a\nb"), SourceMark("plot", "batch für 2 %", DIGEST)
    (tmp_path / "x").write_bytes(picture_bytes(figure, file_format, mark))
    assert mark_in(tmp_path / "x") == mark
    (tmp_path / "y").write_bytes(picture_bytes(figure, file_format))
    assert mark_in(tmp_path / "y") is None


def test_a_mark_is_found_at_both_ends_of_a_large_file_and_in_a_file_that_is_not_there_is_none(
    tmp_path: Path,
) -> None:
    path, much = tmp_path / "x", b"." * 3 * SEARCHED_BYTES
    for content in (str(MARK).encode() + much, much + str(MARK).encode()):
        path.write_bytes(content)
        assert mark_in(path) == MARK
    assert mark_in(tmp_path / "nowhere") is None


def test_a_picture_is_up_to_date_only_with_the_same_results_and_options() -> None:
    plain = mark_of("render", results(), RenderOptions())
    assert plain == mark_of("render", results(), RenderOptions())
    turned = replace(results(), annotations=results().annotations[::-1])
    assert plain == mark_of("render", turned, RenderOptions()), "the order of rows is no result"
    others = [
        mark_of("render", results(3), RenderOptions()),
        mark_of("render", results(), RenderOptions(with_labels=False)),
        mark_of("render", results(), RenderOptions(shown=BoxFilter(0.5))),
    ]
    assert plain not in others
    assert all(plain.is_successor_of(other) for other in others)


@pytest.mark.parametrize(
    ("there", "told"),
    [
        (MARK, "kept"),
        (replace(MARK, digest="b" * 64), "written"),
        (replace(MARK, subject="street-bbbbbbbb"), "refused"),
        (replace(MARK, command="plot"), "refused"),
        (None, "refused"),
    ],
)
def test_a_picture_of_the_same_is_replaced_where_results_were_and_others_are_not(
    there: SourceMark | None, told: str, tmp_path: Path
) -> None:
    target = tmp_path / "film.mp4"
    target.write_bytes(f"...{there}...".encode())
    assert check_target(target, force=True, mark=MARK)
    if told == "refused":
        with pytest.raises(UsageError, match="--force"):
            check_target(target, force=False, mark=MARK)
    else:
        assert check_target(target, force=False, mark=MARK) == (told == "written")
    assert check_target(tmp_path / "new.mp4", force=False, mark=MARK)


def test_digests_are_those_of_values() -> None:
    assert digest_of(1, "a") == digest_of(1, "a") != digest_of("1a")
