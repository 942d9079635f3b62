"""A run in a real terminal where a program called ffmpeg is installed: it runs, stops, goes on, and says
what it did.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.media import clips
from tests.support.runs import commands
from tests.support.runs.terminals import CTRL_C, CTRL_Z, PROMPT, Terminal, with_ffmpeg
from vaengine.process.signals import REPEAT_WINDOW_S
from vaengine.requests.executor_choice import CLUSTER_VARIABLE, NONE

RUN_S = 2 * commands.PATIENCE_S  # a run that is stopped and goes on
PROMPT_S = 120.0  # for what has little to do, on a busy machine
FAULTS = Path(__file__).parents[1] / "support" / "sitecustomize" / "faults"
CHUNKS = "SELECT count(*) FROM chunks"

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clips of several chunks."""
    place = tmp_path_factory.mktemp("films")
    for persons in (1, 2):
        clips.with_persons(place, frames=60, cuts=(20,), persons=persons)
    return place


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(with_ffmpeg(tmp_path))
    yield terminal
    terminal.end()


def command(folder: Path, out: Path) -> tuple[object, ...]:
    narrow = (
        "--preset",
        "embedded",
        "--pipelines",
        "scene,person",
        "--set",
        "engine.chunk_seconds=1",
        "--workers",
        "2",
    )
    return ("vaengine", "run", folder, "--out", out, *narrow)


def all_of_it(terminal: Terminal) -> list[psutil.Process]:
    """Processes of the run, and those that have begun to end."""
    return [
        one
        for one in psutil.Process(terminal.pid).children(recursive=True)
        if one.status() != psutil.STATUS_ZOMBIE
    ]


@pytest.mark.long
@pytest.mark.ray
def test_a_run_is_stopped_by_ctrl_z_continued_by_fg_and_ends_as_it_would_have(
    terminal: Terminal, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "o"
    terminal.enter(*command(folder, out), "--dry-run")
    terminal.wait_for("feasible    yes", PROMPT_S)
    assert terminal.code()[0] == 0

    terminal.enter(*command(folder, out))
    terminal.wait_for("frames/s", RUN_S)
    terminal.type(CTRL_Z)
    terminal.wait_for("Stopped", PROMPT_S)
    terminal.wait_for(PROMPT, PROMPT_S)
    states = {one.pid: (one.status(), one.cmdline()[:3]) for one in all_of_it(terminal)}
    assert len(states) > 5, "the run, Ray, its workers"
    assert [one for one in states.values() if one[0] != psutil.STATUS_STOPPED] == []
    terminal.enter("fg")
    shown = terminal.wait_for("next:", RUN_S)
    assert "2 completed, 0 up to date, 0 failed of 2 videos" in shown
    assert terminal.code()[0] == 0

    terminal.enter(*command(folder, out))
    terminal.wait_for("0 completed, 2 up to date, 0 failed of 2 videos", PROMPT_S)
    assert terminal.code()[0] == 0
    assert (tmp_path / "ffmpeg_told").read_text().count("ended") * 2 == len(
        (tmp_path / "ffmpeg_told").read_text().splitlines()
    )


@pytest.mark.long
@pytest.mark.ray
def test_ctrl_c_ends_it_while_ray_starts_and_a_last_line_says_how_to_go_on(
    terminal: Terminal, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "o"
    terminal.enter(*command(folder, out))
    commands.wait_for(
        lambda: any("gcs_server" in one.name() for one in all_of_it(terminal)), "Ray's beginning"
    )
    terminal.type(CTRL_C)
    terminal.wait_for("stopping; once more to stop at once", 10)
    shown = terminal.wait_for("next:", PROMPT_S)
    assert "2 not begun or unfinished of 2 videos, stopped by SIGINT" in shown
    assert terminal.code(PROMPT_S)[0] == 130
    assert commands.counted(out / "batch_processing.db", CHUNKS) == 0
    (checkpoint,) = (out / "checkpoints").iterdir()
    batch = checkpoint.stem.removeprefix("checkpoint_")
    terminal.enter("env", f"{CLUSTER_VARIABLE}={NONE}", "vaengine", "resume", batch, "--out", out)
    terminal.wait_for("2 completed, 0 up to date, 0 failed of 2 videos", RUN_S)


def run_that_waits(terminal: Terminal, folder: Path, tmp_path: Path) -> Path:
    """The results folder of a run that was entered, one of whose chunks waits."""
    out = tmp_path / "o"
    clips.copied(next(folder.iterdir()), tmp_path / "wait.mp4")  # whose later chunks wait
    told = tmp_path / "told.txt"
    environment = ("env", f"PYTHONPATH={FAULTS}", f"FAULTS={told}")
    terminal.enter(*environment, *command(tmp_path / "wait.mp4", out))
    commands.wait_for(lambda: told.exists() and "waits" in told.read_text(), "a chunk that waits", RUN_S)
    return out


def test_ctrl_c_ends_it_and_a_last_line_says_how_to_go_on(
    terminal: Terminal, folder: Path, tmp_path: Path
) -> None:
    out = run_that_waits(terminal, folder, tmp_path)
    terminal.type(CTRL_C)
    terminal.wait_for("stopped by SIGINT", PROMPT_S)
    (checkpoint,) = (out / "checkpoints").iterdir()
    terminal.wait_for(f"vaengine resume {checkpoint.stem.removeprefix('checkpoint_')} --out ", PROMPT_S)
    assert terminal.code(PROMPT_S)[0] == 130


@pytest.mark.long  # on a busy machine the run may have ended before the second one
def test_ctrl_c_twice_ends_it_at_once_and_a_last_line_says_how_to_go_on(
    terminal: Terminal, folder: Path, tmp_path: Path
) -> None:
    out = run_that_waits(terminal, folder, tmp_path)
    terminal.type(CTRL_C)
    terminal.wait_for("stopping:", PROMPT_S)
    time.sleep(REPEAT_WINDOW_S)  # sooner it would be the first once more
    terminal.type(CTRL_C)
    terminal.wait_for("stopped at once; what was committed is kept:", PROMPT_S)
    (checkpoint,) = (out / "checkpoints").iterdir()
    batch = checkpoint.stem.removeprefix("checkpoint_")
    terminal.wait_for(f"vaengine resume {batch} --out ", PROMPT_S)
    assert terminal.code(PROMPT_S)[0] == 130


@pytest.mark.long
def test_a_closed_terminal_ends_it_and_what_is_done_is_kept(
    terminal: Terminal, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "o"
    terminal.enter(*command(folder, out))
    commands.wait_for(
        lambda: commands.counted(out / "batch_processing.db", CHUNKS) >= 1, "a first chunk", RUN_S
    )
    left = all_of_it(terminal)
    terminal.close()
    assert psutil.wait_procs(left, timeout=commands.PATIENCE_S)[1] == []
    (report,) = out.glob("batch_report_*.json")
    assert json.loads(report.read_bytes())["stopped_by"] == "SIGHUP"
    assert commands.counted(out / "batch_processing.db", CHUNKS) >= 1
