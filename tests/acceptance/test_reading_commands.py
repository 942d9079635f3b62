"""The installed command where it only reads: quick answers, no Ray, no torch, one clear line for wrong
use.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from actors.stores import open_store
from schemas.pipelines import SCENE
from schemas.work.job import BatchJob, JobStatus, PipelineResult, job_error, job_status
from schemas.work.run import RunInfo

CHECKOUT = Path(__file__).parents[2]
SCRIPT = Path(sys.executable).with_name("vaengine")
HEAVY = ("ray", "torch", "ultralytics", "cv2", "av", "scenedetect", "pyarrow", "pandas")


def command(*arguments: str, cwd: Path, importtime: bool = False) -> subprocess.CompletedProcess[str]:
    """The command as a user has it; from the checkout where it is not installed, or to watch its imports."""
    installed = (
        [str(SCRIPT)]
        if SCRIPT.exists() and not importtime
        else [sys.executable, *(["-X", "importtime"] * importtime), "-m", "vaengine"]
    )
    environment = os.environ if SCRIPT.exists() else {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    return subprocess.run(
        [*installed, *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def stored(folder: Path) -> None:
    """A store of three videos, one of which failed, in a folder that --out can name."""
    folder.mkdir()
    store = open_store(f"sqlite:///{folder}/batch_processing.db")
    epoch = store.open_run(RunInfo("b1", "here", 1, {}, ("/v/0.mp4", "/v/1.mp4", "/v/2.mp4")))
    for number in range(3):
        failed = number == 1
        status = JobStatus.FAILED if failed else JobStatus.COMPLETED
        message, kind = ("not a video", "not_a_video") if failed else (None, None)
        results = {
            SCENE: PipelineResult(SCENE, "c", status, 4, 1.0, error_message=message, failure_kind=kind)
        }
        path = Path(f"/v/{number}.mp4")
        store.save_job_metadata(
            BatchJob(
                f"j{number}",
                path,
                folder,
                {},
                f"v-{number}",
                job_status(results),
                results,
                error_message=job_error(results),
            )
        )
    store.close_run(epoch, "failed")
    store.close()


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reading") / "o"
    stored(folder)
    return folder


READING = [
    ["--help"],
    ["run", "--help"],
    ["--version"],
    ["config", "show", "--origin"],
    ["status", "--out", "o"],
    ["status", "--out", "o", "--json"],
    ["errors", "--out", "o"],
    ["query", "scenes", "--out", "o"],
    ["doctor", "--out", "o"],
    ["run", "nowhere.mp4"],
]


@pytest.mark.parametrize(
    "arguments",
    [READING[0], *(pytest.param(one, marks=pytest.mark.long) for one in READING[1:])],
    ids=" ".join,
)
def test_a_command_that_only_reads_imports_no_engine_and_no_model_library(
    out: Path, arguments: list[str]
) -> None:
    done = command(*arguments, cwd=out.parent, importtime=True)
    imported = {
        line.rpartition("|")[2].strip()
        for line in done.stderr.splitlines()
        if line.startswith("import time:")
    }
    assert "vaengine.cli.app" in imported
    assert imported.isdisjoint(HEAVY)


def test_status_tells_jobs_by_state_and_batches(out: Path) -> None:
    done = command("status", "--out", "o", cwd=out.parent)
    assert (done.returncode, done.stderr) == (0, "")
    assert "jobs             2 completed, 1 failed" in done.stdout
    assert "/v/1.mp4" in done.stdout
    assert "b1" in done.stdout


def test_status_as_json_ends_with_the_counts(out: Path) -> None:
    done = command("status", "--out", "o", "--json", cwd=out.parent)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert (events[-1]["event"], events[-1]["completed"], events[-1]["failed"]) == ("report", 2, 1)
    assert sum(event["event"] == "video" for event in events) == 3


def test_errors_tell_video_pipeline_kind_and_message(out: Path) -> None:
    done = command("errors", "--db", f"sqlite:///{out}/batch_processing.db", cwd=out.parent)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("/v/")]
    assert line.split(maxsplit=3) == ["/v/1.mp4", SCENE, "not_a_video", "not a video"]


def test_reading_changes_nothing(out: Path) -> None:
    before = {path.name: path.read_bytes() for path in out.iterdir() if path.suffix == ".db"}
    command("status", "--out", "o", cwd=out.parent)
    command("errors", "--out", "o", cwd=out.parent)
    assert {path.name: path.read_bytes() for path in out.iterdir() if path.suffix == ".db"} == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(["status", "--out", "elsewhere"], "--out", marks=pytest.mark.long),
        (["status", "--db", "postgresql://me:secret@127.0.0.1:1/db"], "is the server running"),
        pytest.param(["run", "nowhere.mp4"], "nowhere.mp4 does not exist", marks=pytest.mark.long),
        (["run", "o", "--set", "scene.treshold=3"], "scene.threshold"),
        pytest.param(
            ["config", "show", "--set", "person.weights=gone.pt"], "gone.pt", marks=pytest.mark.long
        ),
        pytest.param(["resume", "unknown", "--out", "o"], "unknown", marks=pytest.mark.long),
        (["frobnicate"], "frobnicate"),
    ],
)
def test_wrong_use_is_one_line_on_stderr_and_exit_code_two(
    out: Path, arguments: list[str], says: str
) -> None:
    done = command(*arguments, cwd=out.parent)
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert says in line
    assert "secret" not in line
    assert (done.returncode, done.stdout) == (2, "")
    assert not (out.parent / "vaengine_out").exists()


def test_a_closed_pipe_is_no_error(out: Path) -> None:
    shell = f"{sys.executable} -m vaengine config show | head -1"
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run(
        ["sh", "-c", shell],
        cwd=out.parent,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "Traceback" not in done.stderr
    assert "error" not in done.stderr
