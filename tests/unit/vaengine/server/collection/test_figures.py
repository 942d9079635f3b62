"""Figures of a collection: the overview, what stands out, and failures by cause."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.support.stores.entries import NOON, video_entry
from vaengine.server.collection.entry import VideoEntry, shown_text
from vaengine.server.collection.failures import cause_of, failed_pipelines, failure_groups, retry_figures
from vaengine.server.collection.index import Snapshot
from vaengine.server.collection.overview import history_of, overview_of
from vaengine.server.collection.quality import quality_of


def _failed(name: str, message: str, kind: str = "video", **changes: Any) -> VideoEntry:
    video = video_entry(name, **changes)
    state = replace(
        video.pipelines["person_tracking"], status="failed", error_message=message, failure_kind=kind
    )
    return replace(video, status="failed", pipelines={"person_tracking": state})


def test_the_overview_has_hours_by_state_and_the_pace_of_each_pipeline() -> None:
    videos = [video_entry("a"), video_entry("b", duration_s=3540.0), _failed("c", "x", duration_s=None)]
    figures = overview_of(Snapshot({video.video_id: video for video in videos}, (), 0, 3), NOON)
    assert (figures.states["completed"].videos, figures.states["completed"].hours) == (2, 1.0)
    assert figures.states["failed"].unknown == 1
    persons = figures.pipelines["person_tracking"]
    assert (persons.average_s, persons.processing_s, persons.realtime_factor) == (120.0, 30.0, 60.0)
    assert figures.eta is None


def test_the_history_has_at_most_sixty_points_that_add_up() -> None:
    videos = [video_entry(f"v{number}", end=NOON - timedelta(minutes=7 * number)) for number in range(500)]
    bucket_s, points = history_of(videos, NOON)
    assert len(points) <= 61
    assert bucket_s == 3600.0
    assert sum(point.completed for point in points) == 500
    assert [point.at for point in points] == sorted(point.at for point in points)
    assert history_of([], NOON)[1] == ()


def test_a_result_far_from_the_others_of_its_configuration_stands_out() -> None:
    usual = [video_entry(f"v{number}", 58 + number % 5) for number in range(20)]
    odd, other_model = video_entry("odd", 600), video_entry("other", 600, config_hash="c2")
    figures = quality_of([*usual, odd, other_model, video_entry("none", 0)])
    assert {one.video_id for one in figures.outliers} == {"odd", "none"}
    assert figures.empty == (("none", "person_tracking"),)
    assert [rate.results for rate in figures.rates] == [22, 1]


def test_two_configurations_are_compared_the_older_first() -> None:
    old = [video_entry(f"o{number}", 50, end=NOON - timedelta(days=9)) for number in range(3)]
    new = [video_entry(f"n{number}", 40, config_hash="c0") for number in range(3)]
    [drift] = quality_of([*new, *old]).drift
    assert (drift.before, drift.after, drift.before_median, drift.after_median) == ("c1", "c0", 50.0, 40.0)
    assert drift.change == pytest.approx(-0.2)


def test_failures_of_one_cause_are_one_group_whatever_the_file_is_called() -> None:
    videos = [
        _failed("clip-a", "/clips/clip-a.mp4: 7 of 100 frames are missing", end=NOON - timedelta(hours=1)),
        _failed("clip-b", "/clips/clip-b.mp4: 12 of 250 frames are missing", retry_count=1),
        _failed("clip-c", "the process ended", "poisoned"),
    ]
    first, second = failure_groups(videos)
    assert (first.count, first.cause) == (2, "N of N frames are missing")
    assert (first.first_at, first.last_at) == (NOON - timedelta(hours=1), NOON)
    assert (first.retried, first.is_quarantined, second.is_quarantined) == (1, False, True)
    assert first.message == "/clips/clip-b.mp4: 12 of 250 frames are missing"


def test_every_pipeline_of_a_cause_is_found_by_its_job() -> None:
    failed, other = _failed("a", "/clips/a.mp4: 7 frames are missing"), _failed("b", "no sound", "sound")
    [group] = failure_groups([failed])
    assert failed_pipelines([failed, other], group.kind, group.cause) == {"job": ["person_tracking"]}
    assert failed_pipelines([failed, other], "sound", group.cause) == {}


def test_a_file_that_cannot_be_read_failed_when_it_was_registered() -> None:
    video = _failed("letter", "not a video")
    never_begun = {name: replace(state, completed_at=None) for name, state in video.pipelines.items()}
    [group] = failure_groups([replace(video, pipelines=never_begun, completed_at=None)])
    assert group.first_at == group.last_at == video.created_at


def test_the_success_of_retries_counts_those_that_ended() -> None:
    videos = [video_entry("a", retry_count=1), _failed("b", "x", retry_count=2), video_entry("c")]
    figures = retry_figures(videos)
    assert (figures.retried, figures.success_rate) == (2, 0.5)
    assert retry_figures([]).success_rate is None


def test_an_empty_message_and_name_are_no_fault() -> None:
    assert cause_of("", replace(video_entry(), path="", name="", video_id="")) == ""


def test_bytes_that_are_no_text_can_be_shown() -> None:
    assert shown_text("a\udcffü") == "a\\xffü"
