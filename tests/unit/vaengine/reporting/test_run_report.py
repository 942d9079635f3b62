"""The end of a run, and what a store holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from schemas.pipelines import PERSON, SCENE
from schemas.settings.settings import Settings
from schemas.work.job import BatchJob, BatchReport, JobStatus, PipelineResult, VideoOutcome
from vaengine.console.output import Table, name_width, shorten_middle
from vaengine.reporting import run_report, store_overview
from vaengine.reporting.annotation_counts import FoundCounts
from vaengine.requests.request import PlanSummary, RunRequest

OUTCOMES = (
    VideoOutcome("a-1", "/v/a.mp4", "completed"),
    VideoOutcome("b-2", "/v/b.mp4", "completed", warning="2 of 900 frames lost", duplicates=("/w/b.mp4",)),
    VideoOutcome("c-3", "/v/c.mp4", "skipped"),
    VideoOutcome("d-4", "/v/d.mp4", "failed", "/v/d.mp4: the file is empty", "empty_file"),
    VideoOutcome("e-5", "/v/e.mp4", "pending"),
)
DONE = BatchReport("b1", OUTCOMES, wall_s=10.0, frames_decoded=1200, video_s=40.0, passes=1)


@pytest.fixture
def asked(tmp_path: Path) -> RunRequest:
    url = f"sqlite:///{tmp_path}/batch_processing.db"
    return RunRequest(("/v/a.mp4",), (SCENE,), Settings(), tmp_path, url, presets={SCENE: "embedded"})


@pytest.mark.parametrize(
    ("outcomes", "stopped_by", "halted", "code"),
    [
        (OUTCOMES[:3], None, None, 0),
        ((), None, None, 0),
        (OUTCOMES[:4], None, None, 1),
        ((OUTCOMES[4],), None, None, 1),
        (OUTCOMES, "SIGINT", None, 130),
        (OUTCOMES[:3], "SIGTERM", None, 143),
        (OUTCOMES[:3], None, "no room", 1),
    ],
)
def test_the_exit_code_tells_how_it_ended(
    outcomes: tuple[VideoOutcome, ...], stopped_by: str | None, halted: str | None, code: int
) -> None:
    assert run_report.exit_code(BatchReport("b", outcomes, 1.0, stopped_by=stopped_by, halted=halted)) == code


def test_the_headline_counts_videos() -> None:
    assert (
        run_report.headline(DONE)
        == "batch b1: 2 completed, 1 up to date, 1 failed, 1 not begun or unfinished of 5 videos"
    )
    assert run_report.effort(DONE) == "1,200 frames decoded, 0:40 of video in 0:10 (4.0x real time)"
    assert run_report.effort(DONE, elapsed_s=20.0).endswith("0:40 of video in 0:20 (2.0x real time)"), (
        "one clock, from the command on"
    )


def test_the_table_begins_with_what_went_wrong() -> None:
    rows = run_report.outcome_table(DONE).rows
    assert [row[0] for row in rows] == ["failed", "pending", "completed", "completed", "up to date"]
    assert rows[0] == ("failed", "/v/d.mp4", "-", "-", "-", "-", "the file is empty")
    assert rows[2][-1] == "warning: 2 of 900 frames lost; same content: /w/b.mp4"


def test_a_long_table_says_how_many_are_left_out() -> None:
    many = BatchReport(
        "b", tuple(VideoOutcome(f"v{n}", f"/v{n}", "skipped") for n in range(run_report.ROWS + 3)), 1.0
    )
    assert len(run_report.outcome_table(many).rows) == run_report.ROWS
    assert run_report.more(many).startswith("and 3 more")
    assert run_report.more(DONE) == ""


def test_next_steps_name_the_batch_and_quote_the_folder(asked: RunRequest, tmp_path: Path) -> None:
    from dataclasses import replace

    odd = replace(asked, out=tmp_path / "my results", store_url="files:/else where")
    steps = run_report.next_steps(DONE, odd)
    assert steps[0].startswith(f"vaengine resume b1 --out '{tmp_path}/my results'")
    assert [step for step in steps[1:] if "plot" not in step] == [
        "vaengine errors --db 'files:/else where'",
        "vaengine status --db 'files:/else where'",
    ]
    assert run_report.next_steps(BatchReport("b", OUTCOMES[2:3], 1.0), asked) == [
        f"vaengine status --out {tmp_path}"
    ]


def test_what_was_completed_can_be_looked_at_and_sound_alone_has_no_pictures(
    asked: RunRequest, tmp_path: Path
) -> None:
    done = BatchReport("b", OUTCOMES[:1], 1.0)
    assert run_report.next_steps(done, asked, {"a-1": FoundCounts(scenes=2)}) == [
        f"vaengine render /v/a.mp4 --out {tmp_path}",
        f"vaengine plot /v/a.mp4 --out {tmp_path}",
        f"vaengine status --out {tmp_path}",
    ]
    assert run_report.next_steps(done, asked, {"a-1": FoundCounts(scenes=0, speech_s=9.0)})[0].startswith(
        "vaengine plot"
    )


@pytest.mark.parametrize(
    ("kinds", "is_advised"),
    [
        (("empty_file", "not_a_video"), False),
        (("truncated", "cancelled"), False),
        (("empty_file", "worker_lost"), True),
        ((None,), True),
    ],
)
def test_resume_is_advised_only_where_another_try_can_help(
    kinds: tuple[str | None, ...], is_advised: bool, asked: RunRequest
) -> None:
    failed = tuple(
        VideoOutcome(f"v-{n}", f"/v/{n}.mp4", "failed", "bad", kind) for n, kind in enumerate(kinds)
    )
    steps = run_report.next_steps(BatchReport("b", failed, 1.0), asked)
    assert any(step.startswith("vaengine resume") for step in steps) == is_advised
    assert any(step.startswith("vaengine errors") for step in steps)


def test_a_video_without_sound_is_a_note_and_no_warning() -> None:
    outcomes = (
        VideoOutcome("a-1", "/v/a.mp4", "completed", warning=run_report.NO_SOUND_WARNING),
        VideoOutcome(
            "b-2", "/v/b.mp4", "completed", warning=f"2 of 900 frames lost; {run_report.NO_SOUND_WARNING}"
        ),
    )
    table = run_report.outcome_table(BatchReport("b", outcomes, 1.0))
    assert [row[-1] for row in table.rows] == ["warning: 2 of 900 frames lost; no sound", "no sound"], (
        "a real warning comes first"
    )
    assert table.note_colours == ("", "dim")


def test_tables_have_what_was_found_and_paths_below_the_working_folder_are_relative(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outcomes = (
        VideoOutcome("a-1", str(tmp_path / "videos" / "a.mp4"), "completed"),
        VideoOutcome("b-2", "/v/b.mp4", "skipped"),
    )
    table = run_report.outcome_table(
        BatchReport("b", outcomes, 1.0),
        {
            "a-1": FoundCounts(scenes=3, persons=1, faces=0, face_boxes=48, speech_s=126.0),
            "b-2": FoundCounts(scenes=1, speech_s=0, voice_s=9),
        },
    )
    assert table.titles == ("outcome", "video", "scenes", "persons", "faces", "speech", "notes")
    assert table.rows[0][1:6] == ("videos/a.mp4", "3", "1", "48 seen", "2.1 min")
    assert table.rows[1][1:6] == ("/v/b.mp4", "1", "-", "-", "9 s voice")


def test_a_name_that_is_too_long_for_the_terminal_loses_its_middle_and_is_never_folded() -> None:
    assert shorten_middle("videos/talkers_33s.mp4", 22) == "videos/talkers_33s.mp4"
    short = shorten_middle("a/very/long/folder/grid_11_talkers_33s.mp4", 24)
    assert (len(short), short[:3], short[-15:]) == (24, "a/v", "talkers_33s.mp4"), short
    table = Table(
        ("outcome", "video", "notes"), (("completed", "x" * 200, "warning: " + "word " * 30),), names=1
    )
    assert name_width(table, 80) + len("completed") + 80 // 3 + 6 <= 80 + 2
    assert name_width(table, 160) > name_width(table, 80)


def test_the_kept_report_holds_the_counts_and_every_video(asked: RunRequest, tmp_path: Path) -> None:
    path = run_report.write_report(DONE, tmp_path / "new", asked.presets)
    assert path.name == "batch_report_b1.json"
    data = json.loads(path.read_bytes())
    assert (data["completed"], data["skipped"], data["failed"], data["pending"]) == (2, 1, 1, 1)
    assert data["presets"] == {SCENE: "embedded"}
    assert [video["video_id"] for video in data["videos"]] == [outcome.video_id for outcome in OUTCOMES]


def test_the_last_event_has_the_counts() -> None:
    found = run_report.totals(DONE)
    assert {key: found[key] for key in ("completed", "skipped", "failed")} == {
        "completed": 2,
        "skipped": 1,
        "failed": 1,
    }


def test_a_plan_says_videos_cost_disk_and_feasibility() -> None:
    plan = PlanSummary(
        5,
        1,
        ("/v/d.mp4: empty",),
        9,
        2700,
        90.0,
        75.0,
        450,
        30.0,
        60.0,
        2048,
        2,
        "2 CPUs",
        feasible=False,
        reason="no CPU",
    )
    text = "\n".join(run_report.plan_lines(plan))
    for part in (
        "5, of which 1",
        "/v/d.mp4: empty",
        "9 chunks, 2,700 frames (1:30 of video)",
        "1:15 of sound",
        "0:30 of decoding",
        "2.0 KiB",
        "no: no CPU",
    ):
        assert part in text


def test_a_table_for_a_pipe_is_aligned_and_never_folded() -> None:
    assert Table(("a", "title"), (("long cell", "x"), ("b", "[y]"))).lines() == [
        "a          title",
        "long cell  x",
        "b          [y]",
    ]


def test_a_table_refuses_a_row_that_does_not_fit() -> None:
    with pytest.raises(ValueError, match="2 cells"):
        Table(("a", "b"), (("1",),))


def job(number: int, status: JobStatus, **results: PipelineResult) -> BatchJob:
    return BatchJob(
        f"j{number}", Path(f"/v/{number}.mp4"), Path("/o"), {}, f"v{number}", status, dict(results)
    )


JOBS = [
    job(1, JobStatus.COMPLETED, **{SCENE: PipelineResult(SCENE, "c", JobStatus.COMPLETED, 3)}),
    job(
        2,
        JobStatus.FAILED,
        **{
            SCENE: PipelineResult(SCENE, "c", JobStatus.COMPLETED, 4),
            PERSON: PipelineResult(
                PERSON, "c", JobStatus.FAILED, error_message="/v/2.mp4: broken", failure_kind="truncated"
            ),
        },
    ),
]


class Shelf:
    """As much of a store as reading needs."""

    url = "files:/o"

    def jobs(self, *, status: JobStatus | None = None, batch_id: str | None = None) -> list[BatchJob]:
        return [found for found in [*JOBS, BROKEN] if status in (None, found.status)]

    def batches(self) -> list[object]:
        return []


BROKEN = BatchJob(
    "j3",
    Path("/v/3.mp4"),
    Path("/o"),
    {},
    "v3",
    JobStatus.FAILED,
    error_message="empty",
    failure_kind="empty_file",
)


def test_the_overview_counts_jobs_and_pipelines_by_state() -> None:
    seen = store_overview.overview(Shelf())  # type: ignore[arg-type]
    assert seen.jobs == {"pending": 0, "running": 0, "completed": 1, "failed": 2, "retrying": 0}
    assert seen.pipelines == {PERSON: {"failed": 1}, SCENE: {"completed": 2}}
    assert store_overview.summary_lines(seen)[1].split() == ["jobs", "1", "completed,", "2", "failed"]
    assert len(store_overview.video_table(seen, 1).rows) == 1
    assert store_overview.rest(3, 1, "videos") == "and 2 more videos"
    assert store_overview.rest(3, 3, "videos") == ""
    totals = store_overview.totals(seen)
    assert (totals["completed"], totals["failed"], totals["total"]) == (1, 2, 3)


def test_errors_are_by_pipeline_and_a_video_that_never_began_is_one_too() -> None:
    found = store_overview.failures(Shelf())  # type: ignore[arg-type]
    assert found == [
        store_overview.FailedPipeline("v2", "/v/2.mp4", PERSON, "truncated", "/v/2.mp4: broken"),
        store_overview.FailedPipeline("v3", "/v/3.mp4", "", "empty_file", "empty"),
    ]
    assert store_overview.failure_table(found).rows[0] == ("/v/2.mp4", PERSON, "truncated", "broken")


def test_a_file_that_failed_for_one_reason_is_one_row_with_all_its_pipelines() -> None:
    same = [
        store_overview.FailedPipeline("v2", "/v/2.mp4", name, "empty_file", "/v/2.mp4: the file is empty")
        for name in (SCENE, PERSON)
    ]
    other = store_overview.FailedPipeline("v2", "/v/2.mp4", "face_analysis", "truncated", "broken")
    table = store_overview.failure_table([*same, other])
    assert table.rows == (
        ("/v/2.mp4", f"{SCENE}, {PERSON}", "empty_file", "the file is empty"),
        ("/v/2.mp4", "face_analysis", "truncated", "broken"),
    )
    assert table.first(1).rows == table.rows[:1]


def test_status_has_the_columns_of_the_report_and_says_that_times_are_utc() -> None:
    seen = store_overview.overview(Shelf())  # type: ignore[arg-type]
    job_id = seen.videos[0].job_id
    table = store_overview.video_table(seen, 2, {job_id: FoundCounts(scenes=4)})
    assert table.titles[2:6] == ("scenes", "persons", "faces", "speech")
    assert [row[2] for row in table.rows] == ["4", "-"]
    assert "UTC" in store_overview.batch_table(seen).titles[1]
