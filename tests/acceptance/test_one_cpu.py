"""A machine with one processor: slow, and it comes to the same."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from schemas.pipelines import AVAILABLE
from tests.support import clips, commands, runs
from tests.support.runs import Reference

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]


def test_on_one_processor_the_whole_run_works_and_comes_to_what_two_make_of_it(
    reference_digest: Reference, tmp_path: Path
) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    clips.with_persons(folder, frames=40, cuts=(20,))
    process = commands.start(
        "run", folder, "--preset", "embedded", "--set", "engine.chunk_seconds=1", "--out", tmp_path / "out"
    )
    psutil.Process(process.pid).cpu_affinity([0])  # Ray and its workers inherit it
    _, err = process.communicate(timeout=commands.PATIENCE_S * 2)
    assert process.returncode == 0, err
    assert runs.digest(runs.sqlite(tmp_path / "out")) == reference_digest(
        folder, pipelines=AVAILABLE, engine__chunk_seconds=1.0
    )
