"""A machine with one processor: slow, and it comes to the same."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from tests.support import clips, commands, runs

pytestmark = pytest.mark.timeout(400)


def test_on_one_processor_the_whole_run_works_and_comes_to_what_two_make_of_it(tmp_path: Path) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    clips.with_persons(folder, frames=40, cuts=(20,))
    told = ("run", folder, "--preset", "embedded", "--set", "engine.chunk_seconds=1")
    alone = commands.start(*told, "--out", tmp_path / "alone")
    psutil.Process(alone.pid).cpu_affinity([0])  # Ray and its workers inherit it
    _, err = alone.communicate(timeout=commands.PATIENCE_S * 2)
    assert alone.returncode == 0, err
    assert commands.finished(*told, "--out", tmp_path / "both").returncode == 0
    assert runs.digest(runs.sqlite(tmp_path / "alone")) == runs.digest(runs.sqlite(tmp_path / "both"))
