"""A machine with one processor: slow, and it comes to the same."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from tests.support.media import clips
from tests.support.runs import commands, runs

pytestmark = [pytest.mark.long, pytest.mark.ray, pytest.mark.timeout(600)]


def test_on_one_processor_the_whole_run_works_and_comes_to_what_two_make_of_it(tmp_path: Path) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    clips.with_persons(folder, frames=40, cuts=(20,))
    arguments = ("run", folder, "--preset", "embedded", "--set", "engine.chunk_seconds=1")
    process = commands.start(*arguments, "--out", tmp_path / "out")
    psutil.Process(process.pid).cpu_affinity([0])  # Ray and its workers inherit it
    _, err = process.communicate(timeout=commands.PATIENCE_S * 2)
    assert process.returncode == 0, err
    commands.finished(*arguments, "--out", tmp_path / "reference", "--cluster", "none")
    assert runs.digest(runs.sqlite(tmp_path / "out")) == runs.digest(runs.sqlite(tmp_path / "reference"))
