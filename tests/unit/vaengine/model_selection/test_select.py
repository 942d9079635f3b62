"""Settings are fitted to this machine before the first frame: model files found, checked and held to
their digest.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import zipfile
from pathlib import Path

import pytest

from schemas.errors import (
    InvalidSetting,
    ModelError,
    UnsafePickle,
    UnsuitableWeights,
    WeightsMissing,
    WrongDigest,
)
from schemas.pipelines import PERSON, SCENE
from schemas.settings.layers import layer
from schemas.settings.settings import config_hash
from vaengine.model_selection.presets import Machine
from vaengine.model_selection.select import ModelEnvironment, check_models, select_models
from vaengine.models import catalogue


def checkpoint(kind="DetectionModel") -> bytes:
    """The outer form of an ultralytics checkpoint: an archive whose pickle names the class and is never
    loaded here.
    """
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(
            "model/data.pkl", b"\x80\x02c" + f"ultralytics.nn.tasks\n{kind}\n".encode() + b"q\x00."
        )
    return data.getvalue()


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "mine.pt"
    path.write_bytes(checkpoint())
    return path


def workshop(folder: Path, **changes) -> ModelEnvironment:
    return ModelEnvironment(
        **{"folders": (folder,), "cache": folder / "cache", "machine": Machine(), **changes}
    )


def fit(told, shop: ModelEnvironment, pipelines=(SCENE, PERSON)):
    return select_models(layer("test", told), pipelines, shop)[0]


def allowed(path: Path, **told):
    return {"person.weights": str(path), "models.allow_pickle": True, **told}


def test_a_named_file_becomes_an_absolute_path_with_its_digest_and_a_runtime(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(weights.parent)
    found = fit({"person.weights": "mine.pt", "models.allow_pickle": True}, workshop(weights.parent))
    person = found.settings.person
    assert (person.detector, person.weights, person.runtime) == ("yolo", str(weights), "onnx")
    assert person.weights_sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert found.origins["person.runtime"] == "found"


def test_where_a_file_is_does_not_change_what_it_finds_but_its_content_does(
    weights: Path, tmp_path: Path
) -> None:
    other = tmp_path / "elsewhere" / "renamed.pt"
    other.parent.mkdir()
    other.write_bytes(weights.read_bytes())
    changed = tmp_path / "changed.pt"
    changed.write_bytes(checkpoint() + b" ")
    hashes = [
        config_hash(fit(allowed(path), workshop(tmp_path)).settings, PERSON)
        for path in (weights, other, changed)
    ]
    assert hashes[0] == hashes[1] != hashes[2]


def test_a_pickle_of_unknown_origin_is_refused_unless_allowed(weights: Path) -> None:
    with pytest.raises(UnsafePickle, match=r"models\.allow_pickle=true"):
        fit({"person.weights": str(weights)}, workshop(weights.parent))
    assert fit(allowed(weights), workshop(weights.parent))


def test_a_digest_that_was_given_is_held_to(weights: Path) -> None:
    with pytest.raises(WrongDigest):
        fit(allowed(weights, **{"person.weights_sha256": "0" * 64}), workshop(weights.parent))


def test_a_file_that_is_not_there_is_named_with_what_the_catalogue_has(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no file .*gone\.pt.*yolo11n\.pt"):
        fit(allowed(tmp_path / "gone.pt"), workshop(tmp_path))


def test_key_points_are_asked_of_a_model_that_has_them(weights: Path) -> None:
    with pytest.raises(UnsuitableWeights, match=r"person\.pose"):
        fit(allowed(weights, **{"person.pose": True}), workshop(weights.parent))
    weights.write_bytes(checkpoint("PoseModel"))
    assert fit(allowed(weights, **{"person.pose": True}), workshop(weights.parent))


def test_a_preset_fetches_its_model_and_with_pose_the_one_with_key_points(tmp_path: Path) -> None:
    fetched = []

    def fetch(model, begun):
        fetched.append(model.name)
        raise ModelError(model.name, "no network in this test")

    for pose in (False, True):
        with pytest.raises(WeightsMissing, match="no network"):
            fit({"preset": "balanced", "person.pose": pose}, workshop(tmp_path, fetch=fetch))
    assert fetched == ["yolo11m.pt", "yolo11m-pose.pt"]


def test_a_dry_run_plans_with_the_digest_a_file_will_have(tmp_path: Path) -> None:
    person = fit({"preset": "fast"}, workshop(tmp_path)).settings.person
    assert person.weights == "yolo11n.pt"
    assert person.weights_sha256 == catalogue.needed("fast").sha256
    assert person.runtime == "onnx"


def test_a_file_of_the_catalogues_name_with_other_content_is_refused(tmp_path: Path) -> None:
    (tmp_path / "yolo11n.pt").write_bytes(checkpoint())
    with pytest.raises(WrongDigest):
        fit({"preset": "fast"}, workshop(tmp_path))


@pytest.mark.parametrize(
    ("name", "gpu", "recorded", "runtime"),
    [
        ("mine.pt", False, None, "onnx"),
        ("mine.pt", True, None, "torch"),
        ("mine.pt", True, "onnx", "onnx"),
        ("mine.pt", False, "openvino", "onnx"),
    ],
)
def test_a_checkpoint_runs_on_the_gpu_by_torch_and_elsewhere_by_onnx_unless_the_store_was_begun_otherwise(
    weights: Path, name: str, gpu: bool, recorded: str | None, runtime: str
) -> None:
    shop = workshop(
        weights.parent, machine=Machine(gpu=gpu), recorded={"runtime.person_tracking": recorded}.get
    )
    assert fit(allowed(weights.parent / name), shop).settings.person.runtime == runtime


def test_a_runtime_that_cannot_take_the_file_is_refused(weights: Path) -> None:
    with pytest.raises(InvalidSetting, match="torch or onnx"):
        fit(allowed(weights, **{"person.runtime": "openvino"}), workshop(weights.parent))


def test_a_decoder_that_is_not_installed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vaengine.model_selection.select.find_spec", lambda name: None)
    with pytest.raises(InvalidSetting, match="not installed"):
        fit({"decode.backend": "decord"}, workshop(tmp_path))


@pytest.mark.parametrize("key", ["pose", "reid"])
def test_what_the_embedded_detector_has_not_is_refused_not_left_out(tmp_path: Path, key: str) -> None:
    with pytest.raises(InvalidSetting, match=r"HOG has none: pip install 'vaengine\[offline\]'"):
        fit({"preset": "embedded", f"person.{key}": True, "person.tracker": "botsort"}, workshop(tmp_path))


def test_looks_are_for_a_tracker_that_uses_them(weights: Path) -> None:
    with pytest.raises(InvalidSetting, match="botsort only"):
        fit(allowed(weights, **{"person.reid": True}), workshop(weights.parent))


@pytest.mark.parametrize(("gpu", "precision"), [(True, "half"), (False, "single")])
def test_half_precision_is_for_torch_on_a_gpu_and_part_of_what_identifies_a_result(
    weights: Path, gpu: bool, precision: str
) -> None:
    shop = workshop(weights.parent, machine=Machine(gpu=gpu))
    asked = {"person.runtime": "torch"}
    settings = fit(allowed(weights, **asked), shop).settings
    assert settings.person.precision == precision
    single = fit(allowed(weights, **asked, **{"person.precision": "single"}), shop).settings
    assert (config_hash(settings, PERSON) == config_hash(single, PERSON)) is not gpu
    if not gpu:
        with pytest.raises(InvalidSetting, match="torch on a GPU"):
            fit(allowed(weights, **asked, **{"person.precision": "half"}), shop)


def test_what_auto_came_to_is_recorded_only_where_the_user_had_no_say(weights: Path) -> None:
    shop = workshop(weights.parent)
    assert select_models(layer("test", {}), (SCENE, PERSON), shop)[1].record == {
        **{f"preset.{pipeline}": "embedded" for pipeline in (SCENE, PERSON)},
        f"embedded.{PERSON}": "hog",
    }
    assert select_models(layer("test", allowed(weights)), (SCENE, PERSON), shop)[1].record == {
        f"preset.{SCENE}": "embedded"
    }
    embedded = select_models(layer("test", {"preset": "embedded"}), (SCENE, PERSON), shop)[1]
    assert embedded.record == {f"embedded.{PERSON}": "hog"}, (
        "what embedded stood for is kept, that it was asked for is not"
    )


def test_a_checkpoint_of_a_batch_is_no_way_around_the_refusal_of_pickles(weights: Path) -> None:
    settings = fit(allowed(weights), workshop(weights.parent)).settings
    forged = settings.model_copy(
        update={"models": settings.models.model_copy(update={"allow_pickle": False})}
    )
    with pytest.raises(UnsafePickle):
        check_models(forged, (PERSON,))


def test_the_detector_that_runs_is_the_one_that_is_told(tmp_path: Path) -> None:
    line = select_models(
        layer("test", {"preset": "fast", "person.detector": "hog"}), (PERSON,), workshop(tmp_path)
    )[1].line
    assert "OpenCV's HOG" in line


def test_without_persons_no_weights_are_looked_for(tmp_path: Path) -> None:
    assert (
        fit({"preset": "fast"}, workshop(tmp_path), pipelines=(SCENE,)).settings.person.weights
        == "yolo11n.pt"
    )


def test_a_file_that_changed_since_is_noticed_before_a_resumed_run(weights: Path) -> None:
    settings = fit(allowed(weights), workshop(weights.parent)).settings
    check_models(settings, (PERSON,))
    weights.write_bytes(pickle.dumps("another"))
    with pytest.raises(WrongDigest):
        check_models(settings, (PERSON,))
    weights.unlink()
    with pytest.raises(ModelError, match="not there any more"):
        check_models(settings, (PERSON,))
    check_models(settings, (SCENE,))
