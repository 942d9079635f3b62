"""The command with the engine faked: what it asks the engine for, what it prints, how it exits."""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest

from schemas.errors import DiskFull, StoreUnreachable
from schemas.pipelines import AVAILABLE, SCENE
from schemas.work.job import BatchReport, VideoOutcome
from schemas.work.progress import Snapshot
from vaengine.cli import app
from vaengine.process.supervisor import Invocation
from vaengine.requests.request import PlanSummary, RunRequest


class FakeEngine:
    """Remembers the request, shows one snapshot, and ends as told."""

    requests: list[RunRequest]
    outcomes: tuple[VideoOutcome, ...]
    error: Exception | None
    stopped_by: str | None

    def __init__(
        self,
        request: RunRequest,
        *,
        listener: Callable[[Snapshot], None] | None = None,
        announce: object = None,
    ) -> None:
        self.requests.append(request)
        self._request, self._listener = request, listener
        self.batch_id = request.batch_id or "b1"

    def run(self) -> BatchReport:
        if self.error:
            raise self.error
        assert self._listener is not None
        self._listener(Snapshot(videos_total=1, failures=("a.mp4: bad",), failure_count=1))
        return BatchReport(self._request.batch_id or "new1", self.outcomes, 1.0, stopped_by=self.stopped_by)

    def stop(self, signal_name: str) -> None:
        raise AssertionError(f"nobody sent {signal_name}")

    def plan(self) -> PlanSummary:
        return PlanSummary(
            1,
            0,
            (),
            1,
            25,
            1.0,
            1.0,
            5,
            1.0,
            1.0,
            1024,
            1,
            "1 CPU",
            feasible=self.error is None,
            reason="too small",
        )


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> type[FakeEngine]:
    """The fake in the engine's place, and a folder with one clip to work in."""
    fake = type("Fake", (FakeEngine,), {"requests": [], "outcomes": (), "error": None, "stopped_by": None})
    module = ModuleType("vaengine.execution.engine")
    module.Engine = fake  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "vaengine.execution.engine", module)
    monkeypatch.chdir(tmp_path)
    Path("clip.mp4").write_bytes(b"x")
    return fake


def test_a_run_asks_for_what_was_typed(engine: type[FakeEngine], tmp_path: Path) -> None:
    typed = [
        "run",
        "clip.mp4",
        "--out",
        "o",
        "--pipelines",
        "scene",
        "--workers",
        "3",
        "--limit",
        "2",
        "--no-files",
        "--keep-runs",
    ]
    assert app.outcome([*typed, "--cluster", "auto", "--set", "scene.threshold=30"]) == 0
    (request,) = engine.requests
    assert request.inputs == (str(tmp_path / "clip.mp4"),)
    assert (request.out, request.pipelines, request.limit) == (tmp_path / "o", (SCENE,), 2)
    assert (request.files, request.keep_runs, request.cluster) == (False, True, "auto")
    assert (request.settings.engine.workers, request.settings.scene.threshold) == (3, 30.0)


def test_a_command_that_is_started_again_goes_on_with_its_batch(engine: type[FakeEngine]) -> None:
    from vaengine.requests.checkpoint import Checkpoint

    beginning = Invocation("b9", datetime(2026, 3, 4, tzinfo=UTC))
    app.outcome(["run", "clip.mp4", "--out", "o"], beginning)
    Checkpoint.of(engine.requests[0], "b7").write(Path("o"))
    app.outcome(["resume", "b7", "--out", "o"], beginning)
    assert [(request.batch_id, request.since) for request in engine.requests] == [
        ("b9", beginning.at),
        ("b7", beginning.at),
    ]


@pytest.mark.parametrize("command", [["run", "clip.mp4"], ["resume", "b7", "--out", "o"]])
def test_a_run_is_shown_in_the_browser_as_long_as_it_lasts(
    engine: type[FakeEngine], monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    from vaengine.requests.checkpoint import Checkpoint

    app.outcome(["run", "clip.mp4", "--out", "o"])
    Checkpoint.of(engine.requests[0], "b7").write(Path("o"))
    told: list[tuple[str, int]] = []

    @contextmanager
    def shown(request: RunRequest) -> Iterator[None]:
        told.append(("shown", len(engine.requests)))
        try:
            yield
        finally:
            told.append(("gone", len(engine.requests)))

    monkeypatch.setattr("vaengine.cli.runs.run.shown_in_browser", shown)
    assert app.outcome(command) == 0
    assert told == []
    assert app.outcome([*command, "--open"]) == 0
    assert told == [("shown", 2), ("gone", 3)]


def test_without_options_results_go_below_the_working_folder(
    engine: type[FakeEngine], tmp_path: Path
) -> None:
    app.outcome(["run", "clip.mp4"])
    (request,) = engine.requests
    assert request.out == tmp_path / "vaengine_out"
    assert request.store_url == f"sqlite:///{tmp_path}/vaengine_out/batch_processing.db"
    assert (request.pipelines, request.files, request.limit) == (AVAILABLE, True, None)


def test_the_first_lines_on_stderr_say_what_works_once_and_that_the_videos_are_read(
    engine: type[FakeEngine], capsys: pytest.CaptureFixture[str]
) -> None:
    app.outcome(["run", "clip.mp4"])
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("preset auto")
    assert [line.split()[0] for line in lines[1:5]] == ["scenes", "persons", "faces", "audio"]
    assert [line for line in lines if line == "reading the videos"] == lines[5:6]
    assert max(map(len, lines[:6])) <= 100


def test_results_go_to_stdout_and_progress_to_stderr(
    engine: type[FakeEngine], capsys: pytest.CaptureFixture[str]
) -> None:
    engine.outcomes = (
        VideoOutcome("a-1", "/v/a.mp4", "failed", "bad", "worker_lost"),
        VideoOutcome("b-2", "/v/b.mp4", "completed"),
    )
    assert app.outcome(["run", "clip.mp4"]) == 1
    out, err = capsys.readouterr()
    assert "1 completed, 0 up to date, 1 failed of 2 videos" in out
    assert "vaengine resume new1 --out" in out
    assert "failed: a.mp4: bad" in err
    assert "failed: a.mp4" not in out


def test_json_is_one_object_a_line_and_the_last_is_the_report(
    engine: type[FakeEngine], capsys: pytest.CaptureFixture[str]
) -> None:
    engine.outcomes = (VideoOutcome("a-1", "/v/a.mp4", "skipped"),)
    assert app.outcome(["run", "clip.mp4", "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["event"] for event in events] == ["failure", "progress", "video", "report"]
    assert {key: events[-1][key] for key in ("completed", "skipped", "failed")} == {
        "completed": 0,
        "skipped": 1,
        "failed": 0,
    }


def test_the_report_is_kept(engine: type[FakeEngine]) -> None:
    app.outcome(["run", "clip.mp4", "--out", "o"])
    assert json.loads(Path("o/batch_report_new1.json").read_bytes())["batch_id"] == "new1"


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_stopped_run_says_how_to_go_on(
    engine: type[FakeEngine], capsys: pytest.CaptureFixture[str], name: str, code: int
) -> None:
    engine.stopped_by, engine.outcomes = name, (VideoOutcome("a-1", "/v/a.mp4", "pending"),)
    assert app.outcome(["run", "clip.mp4"]) == code
    assert "vaengine resume new1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (
            StoreUnreachable("sqlite:///x", "it is damaged"),
            2,
            "error: store sqlite:///x cannot be used: it is damaged",
        ),
        (DiskFull("/o", "No space left on device"), 1, "error: no room to write /o"),
        (ZeroDivisionError("x\ny"), 1, "error: internal: ZeroDivisionError: x y"),
    ],
)
def test_whatever_goes_wrong_is_one_line(
    engine: type[FakeEngine], capsys: pytest.CaptureFixture[str], error: Exception, code: int, says: str
) -> None:
    engine.error = error
    assert app.outcome(["run", "clip.mp4"]) == code
    out, err = capsys.readouterr()
    assert err.splitlines()[-1].startswith(says)
    assert "Traceback" not in err
    assert out == ""


def test_verbose_shows_where_it_went_wrong(
    engine: type[FakeEngine], capsys: pytest.CaptureFixture[str]
) -> None:
    engine.error = ZeroDivisionError("x")
    assert app.outcome(["run", "clip.mp4", "-v"]) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (["run"], "no input"),
        (["run", "gone.mp4"], "gone.mp4 does not exist"),
        (["run", "*.mkv"], "no video found in *.mkv"),
        (["run", "clip.mp4", "--fast"], "preset 'fast' cannot run person_tracking"),
        (
            ["run", "clip.mp4", "--fast", "--pipelines", "face"],
            "preset 'fast' cannot run face_analysis: buffalo_s.zip is not in",
        ),
        (
            ["run", "clip.mp4", "--pipelines", "face", "--set", "face.pack=buffalo"],
            "the packs are buffalo_s, buffalo_l",
        ),
        (
            ["run", "clip.mp4", "--pipelines", "face", "--set", "face.device=cuda"],
            "setting face.device cannot be 'cuda'",
        ),
        (["run", "clip.mp4", "--pipelines", "audio", "--set", "audio.speakers=on"], "set HF_TOKEN"),
        (["run", "clip.mp4", "--high-quality"], "preset 'high-quality'"),
        (["run", "clip.mp4", "--preset", "best"], "setting preset cannot be 'best'"),
        (["run", "clip.mp4", "--fast", "--high-quality"], "give one"),
        (["run", "clip.mp4", "--pipelines", "scen"], "did you mean 'scene'"),
        (["run", "clip.mp4", "--set", "scene.treshold=3"], "did you mean 'scene.threshold'"),
        (["run", "clip.mp4", "--workers", "33"], "setting engine.workers cannot be 33"),
        (["run", "clip.mp4", "--workers", "x"], "'--workers'"),
        (["run", "clip.mp4", "--limit", "0"], "'--limit'"),
        (
            ["run", "clip.mp4", "--db", "mysql://x"],
            "a store is files:DIR, sqlite:///FILE or postgresql://USER@HOST/DATABASE",
        ),
        (["run", "clip.mp4", "--config", "no.yaml"], "no.yaml cannot be read"),
        (["run", "clip.mp4", "--fsat"], "No such option: --fsat"),
        (["rum"], "No such command 'rum'"),
        (["resume", "zz"], "batch zz not found"),
        (["resume"], "there is no batch in"),
        (["run", "--input", "my clip.mp4"], "vaengine run 'my clip.mp4'"),
        (["run", "--video", "clip.mp4", "--out", "o"], "vaengine run clip.mp4"),
        (["run", "--resume", "b7"], "vaengine resume b7"),
        (["run", "clip.mp4", "--resume", "b7"], "vaengine resume b7"),
        (["identities", "--dry-run", "list"], "options come after the command: vaengine identities list"),
        (["status"], "not found"),
        (["errors", "--db", "files:nowhere"], "not found"),
        (["config", "check", "no.yaml"], "no.yaml cannot be read"),
        (["config", "show", "--set", "x=1"], "unknown setting 'x'"),
    ],
)
def test_wrong_use_is_exit_code_two_and_one_line_and_stores_nothing(
    engine: type[FakeEngine], capsys: pytest.CaptureFixture[str], tmp_path: Path, typed: list[str], says: str
) -> None:
    assert app.outcome(typed) == 2
    out, err = capsys.readouterr()
    assert err.startswith(("error: ", "*.mkv matches nothing"))
    assert says in err.splitlines()[-1]
    assert len([line for line in err.splitlines() if line.startswith("error:")]) == 1
    assert out == ""
    assert engine.requests == []
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_a_dry_run_prints_the_plan_and_runs_nothing(
    engine: type[FakeEngine], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert app.outcome(["run", "clip.mp4", "--dry-run"]) == 0
    assert "feasible    yes" in capsys.readouterr().out
    assert app.outcome(["run", "clip.mp4", "--dry-run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["event"] == "plan"
    assert not (tmp_path / "vaengine_out").exists()


def test_a_plan_that_cannot_be_scheduled_is_exit_code_two(
    engine: type[FakeEngine], capsys: pytest.CaptureFixture[str]
) -> None:
    engine.error = RuntimeError()
    assert app.outcome(["run", "clip.mp4", "--dry-run"]) == 2
    assert "too small" in capsys.readouterr().out


def test_resume_asks_for_the_same_batch(engine: type[FakeEngine]) -> None:
    from vaengine.requests.checkpoint import Checkpoint

    app.outcome(["run", "clip.mp4", "--out", "o", "--set", "scene.threshold=30", "--limit", "1"])
    Checkpoint.of(engine.requests[0], "b7").write(Path("o"))
    assert app.outcome(["resume", "b7", "--out", "o"]) == 0
    assert app.outcome(["resume", "o/checkpoints/checkpoint_b7.json"]) == 0
    first, *again = engine.requests
    for request in again:
        assert request.batch_id == "b7"
        assert (request.inputs, request.settings, request.limit, request.out) == (
            first.inputs,
            first.settings,
            first.limit,
            first.out,
        )


def test_resume_without_an_id_takes_the_newest_batch_and_says_which(
    engine: type[FakeEngine], capsys: pytest.CaptureFixture[str]
) -> None:
    from vaengine.requests.checkpoint import Checkpoint

    app.outcome(["run", "clip.mp4", "--out", "o"])
    for number, batch in enumerate(("a1", "b7", "c3")):
        path = Checkpoint.of(engine.requests[0], batch).write(Path("o"))
        os.utime(path, (1000 + (number == 1), 1000 + (number == 1)))
    assert app.outcome(["resume", "--out", "o"]) == 0
    assert engine.requests[-1].batch_id == "b7"
    assert "the newest batch b7: 1 input as first asked" in capsys.readouterr().err


def test_warnings_about_the_insides_of_libraries_do_not_leak_and_others_do() -> None:
    names = (
        "ray.data._internal.execution.operators.actor_pool_map_operator",
        "sqlalchemy.pool.base",
        "rayon",
        "vaengine.execution.engine",
    )
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("default")
        app.quiet_libraries()
        for name in names:
            warnings.warn_explicit(f"of {name}", UserWarning, f"{name}.py", 1, module=name)
    assert [str(one.message) for one in seen] == ["of rayon", "of vaengine.execution.engine"]


def test_config_show_gives_every_key_and_its_origin(
    engine: type[FakeEngine], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("batch.yaml").write_text("scene:\n  window: 4\n", encoding="utf-8")
    assert (
        app.outcome(
            ["config", "show", "--origin", "--json", "--config", "batch.yaml", "--set", "scene.threshold=30"]
        )
        == 0
    )
    found = {event["key"]: event for event in map(json.loads, capsys.readouterr().out.splitlines())}
    assert (found["scene.threshold"]["value"], found["scene.threshold"]["origin"]) == (30.0, "--set")
    assert (found["scene.window"]["value"], found["scene.window"]["origin"]) == (4, "batch.yaml:2")
    assert found["person.detector"]["origin"] == "preset embedded"
    assert found["engine.workers"]["origin"] == "default"


def test_config_check_accepts_what_run_would(
    engine: type[FakeEngine], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("batch.yaml").write_text("inputs: clip.mp4\nscene:\n  window: 4\n", encoding="utf-8")
    assert app.outcome(["config", "check", "batch.yaml"]) == 0
    assert "2 keys, all known" in capsys.readouterr().out
    assert app.outcome(["run", "--config", "batch.yaml"]) == 0
    assert engine.requests[0].settings.scene.window == 4


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.outcome(["--version"]) == 0
    assert capsys.readouterr().out.startswith("vaengine ")
    assert app.outcome(["--help"]) == 0
    assert "resume" in capsys.readouterr().out
    assert app.outcome([]) == 2
    assert "Usage: vaengine" in capsys.readouterr().out


def test_help_lists_every_command_once_under_a_heading_and_cuts_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import typer

    monkeypatch.setenv("COLUMNS", "80")
    app.outcome(["--help"])
    lines = capsys.readouterr().out.splitlines()
    commands = typer.main.get_command(app.app).commands  # type: ignore[attr-defined]
    assert sorted(
        line.split()[0] for line in lines if line.startswith("  ") and line.split()[0] in commands
    ) == sorted(commands)
    assert "Other:" not in lines
    assert [line for line in lines[1:] if line.endswith("...") or len(line) > 80] == []


@pytest.mark.parametrize(
    ("typed", "environment", "cluster", "text"),
    [
        ([], {}, "either", ""),
        ([], {"VAENGINE_CLUSTER": "local"}, "local", "VAENGINE_CLUSTER=local"),
        (["--cluster", "none"], {"VAENGINE_CLUSTER": "local"}, "none", "--cluster none"),
        (["--config", "b.yaml"], {"VAENGINE_CLUSTER": "local"}, "none", "cluster: none (b.yaml:1)"),
        (["--config", "b.yaml", "--cluster", "auto"], {}, "auto", "--cluster auto"),
    ],
    ids=str,
)
def test_where_the_work_is_done_is_said_by_the_command_else_the_batch_file_else_the_environment(
    typed: list[str],
    environment: dict[str, str],
    cluster: str,
    text: str,
    engine: type[FakeEngine],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("b.yaml").write_text("cluster: none\n")
    monkeypatch.delenv("VAENGINE_CLUSTER")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert app.outcome(["run", "clip.mp4", *typed]) == 0
    assert [(request.cluster, request.cluster_text) for request in engine.requests] == [(cluster, text)]
