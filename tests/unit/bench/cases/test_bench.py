"""The instruments are checked before what they measure is believed."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.__main__ import parse_arguments
from bench.cases.overhead import N_CLIPS, PIPELINES, SETTINGS, shots
from bench.cases.startup import has_row
from bench.harness import engine_process, machine, report, results
from bench.harness.engine_process import Stopwatch
from bench.harness.machine import machine_facts
from bench.harness.timing import Times, command, in_turns
from bench.rivals.handwritten_loop import WHOLE
from schemas.work.progress import Snapshot
from vaengine.requests.run_options import RunOptions, resolve_request

FACTS = {
    "taken_at": "2026-01-01 00:00:00",
    "processor": "A processor",
    "cores": 2,
    "memory_gib": 8.0,
    "load_average": [0.5, 0.4, 0.3],
    "python": "3.11.7",
    "packages": {"ray": "2.60.0"},
    "commit": "0123456789ab",
}


@given(st.lists(st.floats(0.001, 1e4), min_size=1, max_size=9))
def test_minimum_median_and_maximum_are_in_order_and_among_or_between_the_times(seconds: list[float]) -> None:
    times = Times(tuple(seconds))
    assert times.least <= times.median <= times.most
    assert {times.least, times.most} <= set(seconds)


def test_ratios_are_taken_round_by_round_so_that_a_slow_round_does_not_count() -> None:
    assert Times((2.0, 20.0, 4.0)).over(Times((1.0, 10.0, 2.0))) == Times((2.0, 2.0, 2.0))


def test_ratios_need_as_many_rounds_on_both_sides() -> None:
    with pytest.raises(ValueError, match=r"shorter|longer"):
        Times((1.0, 2.0)).over(Times((1.0,)))


@pytest.mark.parametrize("seconds", [(), (1.0, -0.1)])
def test_times_that_cannot_be_are_refused(seconds: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="at least one time"):
        Times(seconds)


@given(st.integers(1, 5), st.integers(1, 6))
def test_every_case_is_taken_once_a_round_and_the_first_place_goes_round(n_cases: int, rounds: int) -> None:
    order: list[int] = []

    def taken(case: int) -> float:
        order.append(case)
        return float(case)

    times = in_turns({str(case): (lambda case=case: taken(case)) for case in range(n_cases)}, rounds)  # type: ignore[misc]
    assert [len(times[str(case)].seconds) for case in range(n_cases)] == [rounds] * n_cases
    turns = [order[turn * n_cases : (turn + 1) * n_cases] for turn in range(rounds)]
    assert all(sorted(turn) == list(range(n_cases)) for turn in turns)
    assert [turn[0] for turn in turns] == [turn % n_cases for turn in range(rounds)]


def test_a_command_that_fails_is_no_time() -> None:
    import subprocess

    with pytest.raises(subprocess.CalledProcessError):
        command(["false"])()
    assert command(["true"])() >= 0


def test_machine_facts_are_json_and_name_the_machine() -> None:
    facts = json.loads(json.dumps(machine_facts()))
    assert facts["cores"] >= 1
    assert facts["processor"]
    assert set(FACTS) <= set(facts)


def test_versions_of_libraries_of_rivals_are_told_where_they_are_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = tmp_path / ".venv-rivals/lib/python3.11/site-packages/daft-0.7.26.dist-info/METADATA"
    facts.parent.mkdir(parents=True)
    facts.write_text("Name: daft\nVersion: 0.7.26\n")
    monkeypatch.setattr(machine, "PYTHON", tmp_path / ".venv-rivals/bin/python")
    versions = machine.package_versions()
    assert versions["daft"] == "0.7.26"
    assert {"ray", "onnxruntime"} < set(versions)
    assert "duckdb" not in versions


def test_the_newest_result_of_a_case_is_the_one_reported(tmp_path: Path) -> None:
    for day, seconds in ((1, 9.0), (2, 3.0)):
        (tmp_path / f"startup-2026010{day}T000000Z.json").write_text(json.dumps({"measured": seconds}))
    (tmp_path / "overhead-20260103T000000Z.json").write_text(json.dumps({"measured": 0}))
    newest = results.newest("startup", tmp_path)
    assert newest is not None
    assert newest["measured"] == 3.0
    assert results.newest("detection", tmp_path) is None


def test_a_kept_result_comes_back_as_it_was(tmp_path: Path) -> None:
    measured: dict[str, Any] = {"run": {"end": Times((1.0, 2.0)).to_data()}}
    results.keep("startup", FACTS, measured, tmp_path)
    assert results.newest("startup", tmp_path) == {"case": "startup", "machine": FACTS, "measured": measured}


def test_the_report_rewrites_its_part_of_the_page_and_leaves_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "benchmarks.md"
    page.write_text(
        f"# Title\n\nwritten by hand\n\n{report.BEGIN}\nold figures\n{report.END}\n\nalso by hand\n"
    )
    times = Times((1.0, 2.0, 4.0)).to_data()
    readers = dict.fromkeys(("typer and sqlalchemy", "vaengine --help"), times)
    measured = {
        "run": {"first_row": times},
        "readers": readers,
        "readers_over_imports": {"vaengine --help": times},
        "parts": {},
    }
    monkeypatch.setattr(
        report, "newest", lambda case: {"measured": measured, "machine": FACTS} if case == "startup" else None
    )
    for _ in range(2):
        report.write_report(["startup", "overhead"], page)
    text = page.read_text()
    assert text.startswith("# Title\n\nwritten by hand\n")
    assert text.endswith("\n\nalso by hand\n")
    assert "old figures" not in text
    assert text.count("| the first row of annotations | 1.00 | 2.00 | 4.00 |") == 1
    assert "A processor, 2 cores, 8.0 GiB" in text


def test_a_page_without_marks_is_not_touched(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    page.write_text("# Title\n")
    with pytest.raises(ValueError, match="lacks the marks"):
        report.write_report([], page)
    assert page.read_text() == "# Title\n"


def test_a_database_that_is_still_being_made_has_no_answer_yet(tmp_path: Path) -> None:
    database = tmp_path / "store.db"
    assert not has_row(database, "SELECT 1 FROM annotations")
    with sqlite3.connect(database) as store:
        store.execute("CREATE TABLE unrelated (a)")
    assert not has_row(database, "SELECT 1 FROM annotations")
    with sqlite3.connect(database) as store:
        store.execute("CREATE TABLE annotations (a)")
        assert not has_row(database, "SELECT 1 FROM annotations")
        store.execute("INSERT INTO annotations VALUES (1)")
    assert has_row(database, "SELECT 1 FROM annotations")


def test_work_lasts_from_the_first_chunk_begun_to_the_last_commit() -> None:
    stopwatch = Stopwatch()
    stopwatch(Snapshot(), now=100.0)
    stopwatch(Snapshot(working_s=0.2), now=110.2)
    stopwatch(Snapshot(working_s=5.0, frames_done=10), now=115.0)
    stopwatch(Snapshot(working_s=7.0, frames_done=10, videos_done=1), now=117.0)
    stopwatch(Snapshot(working_s=9.0, frames_done=10, videos_done=1), now=119.0)
    assert stopwatch.working_s == pytest.approx(7.0)


def test_the_steady_pace_leaves_out_how_the_first_frames_came() -> None:
    stopwatch = Stopwatch()
    for now, frames in ((10.0, 0), (30.0, 100), (40.0, 200), (50.0, 300), (60.0, 400)):
        stopwatch(Snapshot(working_s=now - 9, frames_done=frames), now=now)
    assert stopwatch.steady_s == pytest.approx(40.0)
    assert stopwatch.working_s == pytest.approx(51.0)


def test_one_commit_tells_no_pace() -> None:
    stopwatch = Stopwatch()
    stopwatch(Snapshot(working_s=1.0, frames_done=100), now=10.0)
    assert not stopwatch.tells_pace
    with pytest.raises(ValueError, match="too few commits"):
        _ = stopwatch.steady_s


def test_a_run_without_work_has_no_working_time() -> None:
    stopwatch = Stopwatch()
    stopwatch(Snapshot(videos_skipped=1), now=100.0)
    with pytest.raises(ValueError, match="no work"):
        _ = stopwatch.working_s


def test_no_two_clips_of_the_overhead_bench_have_the_same_pictures() -> None:
    assert len({tuple(shots(number)) for number in range(N_CLIPS)}) == N_CLIPS


def test_the_engine_finds_scenes_and_persons_by_the_settings_of_the_loop_it_is_measured_against(
    tmp_path: Path,
) -> None:
    (tmp_path / "clip.mp4").touch()
    options = RunOptions(
        paths=(str(tmp_path / "clip.mp4"),),
        out=str(tmp_path / "out"),
        pipelines=PIPELINES,
        settings=("preset=embedded", *SETTINGS),
    )
    chosen = resolve_request(options).request.settings
    assert (chosen.scene, chosen.person.model_copy(update={"weights": None})) == (WHOLE.scene, WHOLE.person)


def test_only_cases_that_take_settings_are_given_some(capsys: pytest.CaptureFixture[str]) -> None:
    assert parse_arguments(["tracking", "--set", "person.tracker=botsort", "--set", "a=b"]).settings == [
        "person.tracker=botsort",
        "a=b",
    ]
    with pytest.raises(SystemExit):
        parse_arguments(["startup", "--set", "person.tracker=botsort"])
    assert "startup takes no settings" in capsys.readouterr().err


def test_a_run_of_the_engine_is_told_its_settings_and_pipelines() -> None:
    asked = engine_process.parse_arguments(
        [
            "out",
            "a.mp4",
            "b.mp4",
            "--pipelines",
            "person",
            "--set",
            "person.sample_fps=7",
            "--set",
            "preset=fast",
        ]
    )
    assert (asked.out, asked.paths, asked.pipelines) == ("out", ["a.mp4", "b.mp4"], "person")
    assert asked.settings == ["person.sample_fps=7", "preset=fast"]
