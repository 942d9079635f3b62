"""A detector that is trained on true boxes finds people better, also after a kill, and works in a run."""

from __future__ import annotations

import json
import os
import signal
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import vaengine
from actors.model_files.files import digest_of
from actors.probing.probe import probe
from actors.stores import open_store
from schemas.pipelines import PERSON, SCENE
from tests.conftest import Offline
from tests.support.runs.commands import finished, start, wait_for
from tests.support.stores import pets
from tests.support.stores.exported import Filmed, stored
from vaengine.importing.import_file import ImportRequest, import_file
from vaengine.training.dataset.request import DatasetRequest, Shares

pytestmark = [pytest.mark.long, pytest.mark.shared, pytest.mark.timeout(1800)]
PATIENCE_S = 1500.0


@pytest.fixture(scope="module")
def annotated(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with two clips of a street, whose people were drawn by hand."""
    folder, sequence = tmp_path_factory.mktemp("pets"), shared / "media/groundtruth/PETS09-S2L1_frames734-795"
    clips = [pets.clip(sequence, folder, "street a", 0, 47), pets.clip(sequence, folder, "street b", 47, 62)]
    url = stored(
        f"sqlite:///{folder}/batch_processing.db", [Filmed(probe(str(one.path)), (SCENE,)) for one in clips]
    )
    with closing(open_store(url)) as store:
        for one in clips:
            import_file(store, ImportRequest(one.boxes))
    return folder


@pytest.fixture(scope="module")
def dataset(annotated: Path) -> Path:
    request = DatasetRequest(every_s=0.0, shares=Shares(0.75, 0.25, 0.0), drop_duplicates=False)
    found = vaengine.build_dataset(annotated / "set", request, out=annotated)
    assert [(one.pictures, one.boxes) for one in found.splits] == [(47, 338), (15, 105), (0, 0)]
    return found.folder


def words(dataset: Path, out: Path, shared: Path, epochs: int, cluster: str) -> list[str]:
    weights = shared / "models/yolo/yolo11n_dequantised.pt"
    own = ["--weights", str(weights), "--allow-pickle", "--batch", "4", "--input-pixels", "320"]
    where = ["--cluster", cluster, "--out", str(out), "--name", "street"]
    return ["train", str(dataset), *own, *where, "--epochs", str(epochs)]


def events_in(out: Path) -> list[dict[str, Any]]:
    path = out / "trainings/street/events.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_killed_training_goes_on_and_its_weights_find_people_better_in_a_run(
    dataset: Path, annotated: Path, shared: Path, tmp_path: Path, offline: Offline
) -> None:
    env = {**offline.environment, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    command = words(dataset, tmp_path, shared, 3, "none")
    training = start(*command, env=env)
    try:
        wait_for(lambda: any(e["event"] == "epoch" for e in events_in(tmp_path)), "an epoch", PATIENCE_S)
    finally:
        os.kill(training.pid, signal.SIGKILL)
        training.communicate()
    ended = finished(*command, "--json", env=env, patience_s=PATIENCE_S)
    assert ended.returncode == 0, ended.stderr
    assert offline.attempts_beside_rays_own() == []
    report = json.loads(ended.stdout.splitlines()[-1])
    resumed = [event["epochs"] for event in events_in(tmp_path) if event["event"] == "resumed"]
    assert resumed[-1] >= 1, "it went on"
    before, after = (report["outcome"][when] for when in ("before", "after"))
    assert (report["outcome"]["frozen"], report["outcome"]["epochs"]) == (81, 3)
    assert before["map50"] > 0.9
    assert after["map50"] > before["map50"], "ultralytics' own defaults leave 0"
    assert after["map50_95"] > before["map50_95"] + 0.02
    assert report["is_better"], report["reason"]
    trained = Path(report["model"])
    again = finished(*command, "--json", env=env, patience_s=PATIENCE_S)
    assert json.loads(again.stdout.splitlines()[-1])["outcome"] == report["outcome"], "nothing is done twice"

    run = ["run", str(annotated / "street b.mp4"), "--preset", "street", "--pipelines", "person"]
    done = finished(*run, "--cluster", "none", "--out", tmp_path / "found", env=env, patience_s=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    with closing(open_store(f"sqlite:///{tmp_path}/found/batch_processing.db", read_only=True)) as store:
        job = next(iter(store.jobs()))
        key = next(iter(store.current_keys(PERSON)))
        assert store.annotations(key)
    assert job.config["models"][PERSON] == {"file": "street.pt", "sha256": digest_of(trained)}


@pytest.mark.ray
def test_ray_train_gives_a_worker_the_training_and_one_epoch_ruins_nothing(
    dataset: Path, shared: Path, tmp_path: Path, offline: Offline
) -> None:
    env = {**offline.environment, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    ended = finished(*words(dataset, tmp_path, shared, 1, "local"), "--json", env=env, patience_s=PATIENCE_S)
    assert ended.returncode == 0, ended.stderr
    report = json.loads(ended.stdout.splitlines()[-1])
    before, after = (report["outcome"][when] for when in ("before", "after"))
    assert after["map50"] > before["map50"] - 0.01
    assert offline.attempts_beside_rays_own() == []
    assert (report["model"] is not None) == report["is_better"]
    assert not (tmp_path / "trainings/street/ray").exists(), "Ray's copy is of use no longer"
