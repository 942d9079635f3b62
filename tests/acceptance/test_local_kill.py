"""A command without Ray whose run is killed goes on by itself, and leaves no process behind."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil

from schemas.pipelines import SCENE
from schemas.work.attempt import AttemptState
from tests.support.media import clips
from tests.support.runs import commands, local_runs, runs

FAULTS = Path(__file__).parents[1] / "support" / "sitecustomize" / "faults"
CHUNKS = ("--set", "engine.chunk_seconds=1")
LEASED = f"SELECT count(*) FROM attempts WHERE state = '{AttemptState.LEASED.value}'"


def test_a_run_that_is_killed_over_a_chunk_is_started_again_and_comes_to_the_same_rows(
    clip_folder: Path, tmp_path: Path
) -> None:
    source = clips.counting(clip_folder, frames=120, fps=24, coding=clips.h264("bframes=2", gop=12))
    video, out = (
        clips.copied(source.path, tmp_path / "wait.mp4"),
        tmp_path / "out",
    )  # whose chunks from the third on wait
    told = tmp_path / "faults.txt"
    environment = {**os.environ, "PYTHONPATH": str(FAULTS), "FAULTS": str(told)}
    arguments = (
        "run",
        video,
        "--out",
        out,
        "--pipelines",
        "scene",
        "--preset",
        "embedded",
        "--cluster",
        "none",
        *CHUNKS,
    )
    process = commands.start(*arguments, env=environment)
    commands.wait_for(lambda: commands.counted(out / "batch_processing.db", LEASED), "a chunk in work")
    (run,) = psutil.Process(process.pid).children()
    children = run.children(recursive=True)
    run.send_signal(signal.SIGKILL)
    told.write_text("go\n")
    _, said = process.communicate(timeout=commands.PATIENCE_S)
    assert process.returncode == 0, said
    assert "the run's process is lost; it is started again" in said
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    assert runs.digest(runs.sqlite(out)) == local_runs.reference_digest(
        [video], tmp_path / "whole", pipelines=[SCENE]
    )
