"""A run that is stopped keeps what is done and says how to go on, and the batch can be resumed."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from schemas.pipelines import SCENE
from tests.support.media import clips
from tests.support.runs import commands, runs
from tests.support.runs.runs import Reference

CHUNKS = "SELECT count(*) FROM chunks"
FAULTS = Path(__file__).parents[1] / "support" / "sitecustomize" / "faults"

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clips of several chunks, one of which waits in the middle until it may go on."""
    place = tmp_path_factory.mktemp("films")
    clips.with_cuts(place, cuts=(20, 45))
    clips.with_cuts(place, cuts=(30, 60), frames=100).path.rename(place / "wait.mp4")
    return place


def command(folder: Path, out: Path) -> tuple[str | Path, ...]:
    narrow = ("--pipelines", "scene", "--set", "engine.chunk_seconds=1", "--workers", "2")
    return ("run", folder, "--out", out, "--preset", "embedded", *narrow)


def to_a_terminals_group(process: subprocess.Popen[str]) -> None:
    os.killpg(process.pid, signal.SIGINT)


def to_the_main_process(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)  # as service managers may


def to_both_processes(process: subprocess.Popen[str]) -> None:
    """As `pkill -f` does, and service managers may; the main process passes its own on, too."""
    for one in [*psutil.Process(process.pid).children(), process]:
        one.send_signal(signal.SIGTERM)


def stopped(send: Callable[[subprocess.Popen[str]], None], folder: Path, out: Path) -> int:
    """Exit code of a run that gets a signal once something is stored; what is stored stays, and it says
    how to go on.
    """
    go_on = out.with_name(f"{out.name}_told.txt")
    process = commands.start(
        *command(folder, out), env={**os.environ, "PYTHONPATH": str(FAULTS), "FAULTS": str(go_on)}
    )
    db = out / "batch_processing.db"
    commands.wait_for(lambda: commands.counted(db, CHUNKS) >= 1, "a first chunk")
    send(process)
    go_on.write_text("go\n")
    told = "".join(process.communicate(timeout=commands.PATIENCE_S))
    assert "vaengine resume" in told
    assert commands.counted(db, CHUNKS) >= 1
    return process.returncode


@pytest.mark.long
def test_ctrl_c_keeps_what_is_done_and_the_batch_can_be_resumed(
    folder: Path, reference_digest: Reference, tmp_path: Path
) -> None:
    assert stopped(to_a_terminals_group, folder, tmp_path) == 130
    again = commands.finished("resume", next((tmp_path / "checkpoints").glob("checkpoint_*.json")))
    assert again.returncode == 0, again.stderr
    assert runs.digest(runs.sqlite(tmp_path)) == reference_digest(
        folder, pipelines=[SCENE], engine__chunk_seconds=1.0
    )


@pytest.mark.long
@pytest.mark.parametrize(
    "send", [to_the_main_process, pytest.param(to_both_processes, marks=pytest.mark.long)]
)
def test_sigterm_keeps_what_is_done_and_says_how_to_go_on(
    send: Callable[[subprocess.Popen[str]], None], folder: Path, tmp_path: Path
) -> None:
    assert stopped(send, folder, tmp_path) == 143
