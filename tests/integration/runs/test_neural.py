"""Neural persons through the whole engine: nothing about how it is run changes a row, and what cannot be
is one clear reason.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.annotations.annotation import PERSON_DETECTION, PERSON_TRACK
from schemas.pipelines import PERSON
from tests.conftest import SHARED
from tests.support.media.neural import POSE, VIDEO, neural
from tests.support.runs import runs
from vaengine.execution.engine import Engine

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def folder() -> list[Path]:
    """Talkers of one size, and a street of another: their pictures share no bucket."""
    talkers = sorted((VIDEO / "grid").glob("*.mpg"))[:3]
    return [*talkers, SHARED / "media" / "groundtruth" / "PETS09-S2L1_frames734-795" / "video.mp4"]


@pytest.fixture(scope="module")
def undisturbed(folder: list[Path], empty_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a plain run left its results."""
    out = tmp_path_factory.mktemp("neural")
    assert runs.run(folder, out, **neural(empty_cache)).completed == len(folder)
    return out


@pytest.mark.long
@pytest.mark.parametrize(
    "told", [{"engine__workers": 1}, {"engine__workers": 4, "engine__chunk_seconds": 1.0}], ids=str
)
def test_neither_workers_nor_chunks_nor_batch_mates_change_a_row(
    told: dict[str, Any], folder: list[Path], undisturbed: Path, empty_cache: Path, tmp_path: Path
) -> None:
    runs.run(folder[::-1], tmp_path, **neural(empty_cache), **told)
    assert runs.digest(runs.sqlite(tmp_path)) == runs.digest(runs.sqlite(undisturbed))


def test_persons_are_where_people_are(folder: list[Path], undisturbed: Path) -> None:
    rows = runs.rows(runs.sqlite(undisturbed), PERSON)[folder[0].name]
    tracks = [row for row in rows if row.annotation_type == PERSON_TRACK]
    boxes = [row for row in rows if row.annotation_type == PERSON_DETECTION and row.person_id]
    assert len(tracks) == 1, "one person talks into the camera for three seconds"
    assert len(boxes) == 15
    assert min(row.confidence for row in boxes) > 0.5


@pytest.mark.long
def test_poses_are_stored_in_coco_form_and_their_files_say_so(empty_cache: Path, tmp_path: Path) -> None:
    clip = VIDEO / "grid" / "bbaf2n.mpg"
    runs.run([clip], tmp_path, pipelines=[PERSON], **neural(empty_cache, POSE, person__pose=True))
    boxes = [
        row
        for row in runs.rows(runs.sqlite(tmp_path), PERSON)[clip.name]
        if row.annotation_type == PERSON_DETECTION
    ]
    assert boxes
    assert all(
        len(row.attributes["keypoints"]) == 51 and len(row.attributes["keypoint_scores"]) == 17
        for row in boxes
    )
    nose, left_eye, right_eye = (boxes[0].attributes["keypoints"][i : i + 3] for i in (0, 3, 6))
    box = boxes[0].bbox
    assert [point[2] for point in (nose, left_eye, right_eye)] == [2, 2, 2]
    assert box.y < left_eye[1] < nose[1] < box.y + box.height
    assert box.x < right_eye[0] < nose[0] < left_eye[0] < box.x + box.width  # a face seen from the front
    (document,) = tmp_path.glob("*/person_tracking.json")
    stored = json.loads(document.read_text())
    assert len(stored["categories"][0]["keypoints"]) == 17
    assert stored["annotations"][0]["num_keypoints"] >= 5


def test_a_recording_without_cuts_is_decoded_sparsely_and_gives_the_same_boxes(
    empty_cache: Path, tmp_path: Path
) -> None:
    clip = SHARED / "media" / "groundtruth" / "PETS09-S2L1_frames734-795" / "video.mp4"
    found = {}
    for name, told in {"full": {}, "sparse": {"person__reset_at_cuts": False}}.items():
        report = runs.run(
            [clip], tmp_path / name, pipelines=[PERSON], **neural(empty_cache, **told, person__sample_fps=2.0)
        )
        assert report.completed == 1
        rows = runs.rows(runs.sqlite(tmp_path / name), PERSON)[clip.name]
        found[name] = {
            (row.frame_number, row.bbox, row.confidence)
            for row in rows
            if row.annotation_type == PERSON_DETECTION
        }
    assert len(found["full"]) > 50
    assert found["sparse"] == found["full"]


def test_a_model_that_changes_under_a_run_is_the_reason_of_a_failed_job_and_scenes_are_kept(
    tmp_path: Path, empty_cache: Path
) -> None:
    """As when a training run writes over it: the workers hold it to the digest that was settled on."""
    told = neural(empty_cache) | {"models__network_sha256": "0" * 64}
    clip = VIDEO / "grid" / "bbaf2n.mpg"
    engine = Engine(runs.request([clip], tmp_path, **told))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vaengine.execution.engine.check_models", lambda settings, pipelines: None)
        report = engine.run()
    assert (report.completed, report.failed) == (0, 1)
    (outcome,) = report.outcomes
    assert outcome.failure_kind == "model"
    assert "has sha256" in (outcome.error_message or "")
    assert len(runs.rows(runs.sqlite(tmp_path), "scene_detection")["bbaf2n.mpg"]) == 1
