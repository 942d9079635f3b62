"""Nothing phones home: with every way out of the machine shut, the embedded path works, and nobody has
tried the door.
"""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import Offline
from vaengine.demo import SHOTS, render_demo_clip

COMMAND = Path(sys.executable).parent / "vaengine"


@pytest.fixture(scope="module")
def clip(clip_folder: Path) -> Path:
    return render_demo_clip(
        clip_folder / "offline" / "short.mp4", [replace(shot, seconds=1.2) for shot in SHOTS[:2]]
    )


@pytest.mark.parametrize(
    ("cluster", "child"),
    [
        ("none", "['-c'"),
        pytest.param("local", "default_worker.py", marks=[pytest.mark.ray, pytest.mark.long]),
    ],
)
@pytest.mark.timeout(400)
def test_a_run_without_any_network_finds_scenes_and_persons_and_no_process_tries_to_leave_the_machine(
    cluster: str, child: str, clip: Path, offline: Offline, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = [COMMAND, "run", clip, "--out", out, "--preset", "auto", "--json", "--cluster", cluster]
    done = subprocess.run(
        words, env=offline.environment, capture_output=True, text=True, timeout=270, check=False
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert (report["event"], report["completed"], report["failed"]) == ("report", 1, 0)
    assert offline.attempts_beside_rays_own() == []
    assert offline.guarded(child) >= 2, "workers did not inherit the guard"
    with closing(sqlite3.connect(out / "batch_processing.db")) as store:
        kinds = dict(store.execute("SELECT annotation_type, COUNT(*) FROM annotations GROUP BY 1"))
    assert kinds["scene"] == 2
    assert kinds["person_detection"] > 0


@pytest.mark.long
@pytest.mark.shared
@pytest.mark.timeout(400)
def test_with_local_weights_a_neural_run_asks_nobody_even_where_it_may(
    offline: Offline, shared: Path, tmp_path: Path
) -> None:
    out, weights = tmp_path / "out", shared / "models" / "yolo" / "yolo11n_dequantised.pt"
    clip = shared / "media" / "video" / "grid" / "bbaf2n.mpg"
    environment = {name: value for name, value in offline.environment.items() if name != "VAENGINE_OFFLINE"}
    told = [
        "--pipelines",
        "scene,person",
        "--set",
        f"person.weights={weights}",
        "--set",
        "models.allow_pickle=true",
    ]
    words = [COMMAND, "run", clip, "--out", out, "--preset", "auto", "--json", *told]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=270, check=False)
    assert done.returncode == 0, done.stderr
    assert "persons  yolo11n_dequantised.pt" in done.stderr
    assert offline.attempts_beside_rays_own() == []
    with closing(sqlite3.connect(out / "batch_processing.db")) as store:
        assert store.execute(
            "SELECT COUNT(*) FROM annotations WHERE annotation_type = 'person_track'"
        ).fetchone() == (1,)
