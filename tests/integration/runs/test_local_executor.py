"""A run without Ray: the digest of any other run, faults survived, and nothing left behind."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from schemas.pipelines import SCENE
from tests.support.media import clips
from tests.support.runs import local_runs


@pytest.fixture(scope="module")
def folder(clip_folder: Path) -> list[Path]:
    return [clips.with_cuts(clip_folder).path, clips.with_persons(clip_folder, cuts=(24,), persons=2).path]


@pytest.mark.child_processes
def test_no_thread_and_no_process_outlives_a_run(folder: list[Path], tmp_path: Path) -> None:
    import psutil

    before = set(threading.enumerate()), {child.pid for child in psutil.Process().children(recursive=True)}
    local_runs.run(folder[:1], tmp_path, pipelines=[SCENE], processes=True)
    assert {
        thread.name
        for thread in set(threading.enumerate()) - before[0]
        if not thread.name.startswith("probe")
    } == set()
    assert {child.pid for child in psutil.Process().children(recursive=True)} - before[1] == set()


def test_ray_is_not_even_imported(folder: list[Path], tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from tests.support.runs import local_runs\n"
        f"report = local_runs.run([Path({str(folder[0])!r})], Path({str(tmp_path)!r}), "
        f"pipelines={[SCENE]!r}, processes=True)\n"
        "print(report.completed, 'ray' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "False"]
