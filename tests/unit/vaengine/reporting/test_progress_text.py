"""What a run shows while it goes on: pure text, without a terminal."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from schemas.pipelines import PERSON, SCENE
from schemas.work.job import BatchReport, VideoOutcome
from schemas.work.progress import PipelineProgress, Snapshot
from vaengine.console.output import event as event_of
from vaengine.console.system_load import Load, LoadMeter
from vaengine.console.units import clock, counted, size
from vaengine.reporting.displays import (
    BarDisplay,
    EventDisplay,
    LineDisplay,
    NewFailures,
    StartingText,
    Throttle,
    drawing,
)
from vaengine.reporting.progress_text import (
    pace_text,
    plain_line,
    progress_data,
    share,
    snapshot_of,
    videos_text,
)
from vaengine.reporting.run_report import outcome_of, report_of, totals

LOAD = Load(
    cpu_percent=150.4, memory_used=3 * 1024**3, memory_total=8 * 1024**3, gpus=((40.0, 1024**3, 2 * 1024**3),)
)
BUSY = Snapshot(
    videos_total=10,
    videos_done=3,
    videos_skipped=2,
    videos_failed=1,
    probing=False,
    frames_done=1200,
    frames_total=5400,
    video_s_done=40.0,
    video_s_total=180.0,
    in_work=2,
    elapsed_s=14.0,
    working_s=10.0,
    pipelines={SCENE: PipelineProgress(1200, 2700, 3, 0), PERSON: PipelineProgress(0, 2700, 0, 1)},
    failures=("a [b].mp4: not a video",),
    failure_count=1,
)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (7.4, "0:07"), (59.6, "1:00"), (754, "12:34"), (3723, "1:02:03")]
)
def test_a_clock_reads_hours_only_when_there_are_any(seconds: float, text: str) -> None:
    assert clock(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (3 * 1024**3, "3.0 GiB"), (1024**5, "1024.0 TiB")],
)
def test_a_size_has_a_unit_that_suits_it(count: int, text: str) -> None:
    assert size(count) == text


def test_one_is_not_plural() -> None:
    assert (counted(1, "video"), counted(1200, "frame")) == ("1 video", "1,200 frames")


def test_the_line_has_videos_frames_pace_time_left_and_load() -> None:
    assert plain_line(BUSY, LOAD) == (
        "[0:14] 3 of 10 videos (2 up to date, 1 failed) · 1,200 of 5,400 frames · 120.0 frames/s · 4.0x real "
        "time · about 0:35 left"
        " · machine: CPU 150 % · memory 3.0 GiB of 8.0 GiB · GPU 40 % 1.0 GiB of 2.0 GiB"
    )


def test_the_time_left_is_not_guessed_before_all_videos_are_known() -> None:
    assert "not known yet" in pace_text(replace(BUSY, probing=True))
    assert videos_text(replace(BUSY, probing=True)).startswith("3 of 10+ videos")


def test_before_work_starts_the_line_says_what_is_being_done() -> None:
    assert pace_text(Snapshot()) == "reading headers, starting workers"
    assert pace_text(Snapshot(probing=False)) == "starting workers"


def test_a_stopping_run_says_what_it_waits_for() -> None:
    assert "2 chunks in work to finish" in pace_text(replace(BUSY, stopping=True))


@given(st.floats(0, 1e9), st.floats(0, 1e9))
def test_a_share_lies_between_nothing_and_all(done: float, total: float) -> None:
    assert 0.0 <= share(done, total) <= 1.0


def test_each_failure_is_told_once() -> None:
    failures = NewFailures()
    assert failures.new(BUSY) == ["a [b].mp4: not a video"]
    assert failures.new(BUSY) == []
    assert failures.new(replace(BUSY, failures=("x", "y"), failure_count=3)) == ["x", "y"]


def test_failures_that_came_too_fast_to_be_kept_are_counted() -> None:
    assert NewFailures().new(replace(BUSY, failures=("y",), failure_count=3)) == [
        "2 more failures: see `vaengine errors`",
        "y",
    ]


def test_plain_lines_come_every_few_seconds_failures_at_once_and_the_last_state_at_the_end() -> None:
    stream, now = io.StringIO(), Clock()
    with LineDisplay(stream, Throttle(5.0, now)) as display:
        for second in range(8):
            now.now = second
            display(
                replace(
                    BUSY, elapsed_s=second, failure_count=second // 3, failures=("f",) if second >= 3 else ()
                )
            )
    lines = stream.getvalue().splitlines()
    assert [line[:6] for line in lines] == ["readin", "[0:00]", "failed", "[0:05]", "failed", "[0:07]"]


def test_events_are_one_json_object_a_line() -> None:
    stream, now = io.StringIO(), Clock()
    with EventDisplay(stream, Throttle(2.0, now)) as display:
        for second in (0, 1, 2):
            now.now = second
            display(BUSY)
    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [event["event"] for event in events] == ["failure", "progress", "progress"]
    assert all(event["time"].endswith("Z") for event in events)


def test_the_last_state_is_told_once_however_soon_it_follows_another() -> None:
    stream, now = io.StringIO(), Clock()
    with EventDisplay(stream, Throttle(2.0, now)) as display:
        for second in (0, 1, 2, 3):
            now.now = second
            display(replace(BUSY, elapsed_s=second, failure_count=0))
    assert [json.loads(line)["elapsed_s"] for line in stream.getvalue().splitlines()] == [0, 2, 3]


def test_a_progress_event_holds_the_pipelines() -> None:
    event = progress_data(BUSY)
    assert event["pipelines"][SCENE] == {
        "frames_done": 1200,
        "frames_total": 2700,
        "videos_done": 3,
        "videos_failed": 0,
    }
    assert (event["eta_s"], event["failures"]) == (35.0, 1)
    json.dumps(event)


def test_a_progress_event_read_back_shows_what_the_snapshot_shows() -> None:
    event = json.loads(json.dumps(progress_data(BUSY)))
    assert snapshot_of(event, BUSY.failures) == BUSY
    assert plain_line(snapshot_of(event)) == plain_line(BUSY)


def test_a_report_read_back_from_its_events_is_the_report() -> None:
    outcomes = (
        VideoOutcome("a-1", "/a.mp4", "completed", duplicates=("/b.mp4",)),
        VideoOutcome("c-2", "/c.mp4", "failed", "why", "video"),
    )
    report = BatchReport("b1", outcomes, 12.5, 100, 4.0, 1, stopped_by="SIGINT")
    written = (*(event_of("video", outcome) for outcome in outcomes), event_of("report", totals(report)))
    events = [json.loads(json.dumps(event)) for event in written]
    assert report_of(events[-1], map(outcome_of, events[:-1])) == report


def test_the_live_drawing_shows_every_pipeline_and_takes_brackets_literally() -> None:
    console = Console(file=io.StringIO(), width=120, record=True)
    console.print(drawing(BUSY, LOAD))
    text = console.export_text()
    assert SCENE in text
    assert PERSON in text
    assert "1,200/2,700 frames, 3 videos" in text
    assert "0/2,700 frames, 0 videos, 1 failed" in text
    assert "22%  3 of 10 videos" in text
    assert "failed: a [b].mp4: not a video" in text


def test_live_bars_leave_the_terminal_as_it_was() -> None:
    stream = io.StringIO()
    with BarDisplay(Console(file=stream, force_terminal=True, width=100)) as display:
        display(BUSY)
    assert "1,200/2,700 frames" in stream.getvalue()
    assert (
        stream.getvalue().count("\x1b[?25l") == stream.getvalue().count("\x1b[?25h") == 1
    )  # cursor hidden and shown


def test_the_meter_reads_this_machine() -> None:
    load = LoadMeter().read()
    assert 0 < load.memory_used < load.memory_total
    assert load.cpu_percent >= 0


def test_before_any_progress_a_terminal_shows_that_videos_are_read_with_a_clock_that_goes_on() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    seconds = iter((3.0, 75.0))
    starting = StartingText(lambda: next(seconds))
    for told in ("0:03  reading the videos", "1:15  reading the videos"):
        console.print(starting)
        assert told in console.file.getvalue()  # type: ignore[attr-defined]


def test_bars_come_with_the_first_progress() -> None:
    display = BarDisplay(Console(file=io.StringIO(), force_terminal=True, width=80))
    with display:
        display(Snapshot(videos_total=2, videos_skipped=1))
        assert not display.live
        display(Snapshot(videos_total=2, pipelines={"scene_detection": PipelineProgress(1, 2, 0, 0)}))
        assert display.live
