"""The models of faces are found or fetched before the first frame, held to their digest, and loaded once."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from actors.faces.detector import face_detector
from actors.faces.model_pack import pack_digest
from schemas.errors import (
    DamagedWeights,
    InvalidSetting,
    ModelError,
    UnsuitablePack,
    WeightsMissing,
    WrongDigest,
)
from schemas.pipelines import AUDIO, FACE, PERSON, SCENE
from schemas.settings.layers import layer
from schemas.settings.settings import Settings, config_hash
from tests.conftest import SHARED
from vaengine.model_selection.presets import Machine, PresetResolution
from vaengine.model_selection.select import ModelEnvironment, check_models, models_of, select_models
from vaengine.models import catalogue


@pytest.fixture(autouse=True)
def loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Settings]:
    """Settings of the detectors that would have been loaded."""
    found: list[Settings] = []
    monkeypatch.setattr("actors.faces.detector.face_detector", lambda settings, **_: found.append(settings))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return found


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    folder = tmp_path / "models" / "mine"
    folder.mkdir(parents=True)
    (folder / "det.onnx").write_bytes(b"a detector")
    return folder


def fit(
    told: dict[str, object], folder: Path, pipelines: tuple[str, ...] = (FACE,), **shop: object
) -> tuple[Settings, PresetResolution]:
    workshop = ModelEnvironment(**{"folders": (folder,), "cache": folder, "machine": Machine(), **shop})
    found, resolution = select_models(layer("test", told), pipelines, workshop)
    return found.settings, resolution


def on_gpu(monkeypatch: pytest.MonkeyPatch, *providers: str) -> Machine:
    monkeypatch.setitem(
        __import__("sys").modules,
        "onnxruntime",
        SimpleNamespace(get_available_providers=lambda: list(providers)),
    )
    return Machine(gpu=True)


def test_without_models_there_is_opencvs_cascade_on_the_processor(
    tmp_path: Path, loaded: list[Settings]
) -> None:
    settings, resolution = fit({}, tmp_path)
    assert (settings.face.detector, settings.face.device, settings.face.pack) == ("cascade", "cpu", None)
    assert (resolution.record, models_of(settings, (FACE,)), loaded) == (
        {f"preset.{FACE}": "embedded", f"embedded.{FACE}": "cascade"},
        {},
        [],
    )


@pytest.mark.parametrize("told", ["mine", "models/mine", "{}/models/mine"])
def test_a_pack_by_name_or_folder_becomes_a_folder_with_its_digest(
    tmp_path: Path, pack: Path, loaded: list[Settings], monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    settings, resolution = fit({"face.pack": told.format(tmp_path)}, pack.parent)
    assert (settings.face.detector, settings.face.pack, settings.face.pack_sha256) == (
        "scrfd",
        str(pack),
        pack_digest(pack),
    )
    assert "face_analysis = fast (mine by onnxruntime on cpu; face.pack names a model)" in resolution.line
    assert models_of(settings, (FACE,)) == {FACE: {"file": "mine", "sha256": pack_digest(pack)}}
    assert [found.face.pack for found in loaded] == [str(pack)]


def test_where_a_pack_is_does_not_change_what_it_finds_but_its_content_does(
    tmp_path: Path, pack: Path
) -> None:
    hashes = [config_hash(fit({"face.pack": str(pack)}, tmp_path)[0], FACE)]
    moved = pack.rename(tmp_path / "elsewhere")
    hashes.append(config_hash(fit({"face.pack": str(moved)}, tmp_path)[0], FACE))
    (moved / "det.onnx").write_bytes(b"another")
    assert hashes[0] == hashes[1] != config_hash(fit({"face.pack": str(moved)}, tmp_path)[0], FACE)


def test_a_digest_that_was_given_is_held_to(tmp_path: Path, pack: Path) -> None:
    with pytest.raises(WrongDigest):
        fit({"face.pack": str(pack), "face.pack_sha256": "0" * 64}, tmp_path)


@pytest.mark.parametrize("named", ["yours", "models/yours", "/nowhere/yours"])
def test_a_pack_that_is_nowhere_is_told_with_those_there_are(tmp_path: Path, named: str) -> None:
    with pytest.raises(ModelError, match=r"no folder .*yours.*buffalo_s, buffalo_l"):
        fit({"face.pack": named}, tmp_path)


def test_a_folder_without_models_is_no_pack(tmp_path: Path) -> None:
    with pytest.raises(DamagedWeights):
        fit({"face.pack": str(tmp_path)}, tmp_path)


def test_a_dry_run_plans_with_the_digest_a_pack_will_have(tmp_path: Path, loaded: list[Settings]) -> None:
    settings, resolution = fit({"preset": "balanced"}, tmp_path)
    assert (settings.face.pack, settings.face.pack_sha256) == (
        "buffalo_l",
        catalogue.MODELS["buffalo_l.zip"].held_to,
    )
    assert "buffalo_l by onnxruntime on cpu, licence: non-commercial research" in resolution.line
    assert loaded == []


def test_a_preset_fetches_its_pack_after_it_was_announced_and_names_the_pipeline_where_it_cannot(
    tmp_path: Path,
) -> None:
    told: list[PresetResolution] = []

    def fetch(model, begin):
        begin()
        raise ModelError(model.name, "no network in this test")

    with pytest.raises(WeightsMissing, match=r"'fast' cannot run face_analysis: buffalo_s\.zip: no network"):
        fit({"preset": "fast"}, tmp_path, fetch=fetch, announce=told.append)
    assert "licence: non-commercial research" in told[0].line


def test_a_pack_of_the_catalogues_name_with_other_content_is_refused(tmp_path: Path) -> None:
    (tmp_path / "buffalo_sc").mkdir()
    for name in catalogue.MODELS["buffalo_sc.zip"].members:
        (tmp_path / "buffalo_sc" / name).write_bytes(b"something")
    with pytest.raises(WrongDigest):
        fit({"face.pack": "buffalo_sc"}, tmp_path)


def test_an_unfit_pack_is_told_before_the_first_frame(
    tmp_path: Path, pack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unfit(settings: Settings) -> None:
        raise UnsuitablePack(settings.face.pack, "it detects nothing")

    monkeypatch.setattr("actors.faces.detector.face_detector", unfit)
    with pytest.raises(UnsuitablePack):
        fit({"face.pack": str(pack)}, tmp_path)


def test_a_gpu_is_used_where_onnxruntime_can_and_the_store_was_not_begun_without(
    tmp_path: Path, pack: Path, loaded: list[Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {"face.pack": str(pack)}
    able = on_gpu(monkeypatch, "CUDAExecutionProvider", "CPUExecutionProvider")
    assert fit(told, tmp_path, machine=able)[0].face.device == "cuda"
    assert loaded[-1].face.device == "cuda", "a GPU that cannot be used is told before the first frame"
    assert fit({**told, "face.device": "cpu"}, tmp_path, machine=able)[0].face.device == "cpu"
    assert fit(told, tmp_path, machine=able, recorded={f"runtime.{FACE}": "cpu"}.get)[0].face.device == "cpu"
    unable = on_gpu(monkeypatch, "CPUExecutionProvider")
    assert fit(told, tmp_path, machine=unable)[0].face.device == "cpu"


@pytest.mark.parametrize(("gpu", "says"), [(True, "vaengine doctor"), (False, "no GPU here")])
def test_cuda_that_was_asked_for_and_cannot_be_had_is_refused(
    tmp_path: Path, pack: Path, monkeypatch: pytest.MonkeyPatch, gpu: bool, says: str
) -> None:
    machine = on_gpu(monkeypatch, "CPUExecutionProvider") if gpu else Machine()
    with pytest.raises(InvalidSetting, match=says):
        fit({"face.pack": str(pack), "face.device": "cuda"}, tmp_path, machine=machine)
    with pytest.raises(InvalidSetting, match="cascade runs on the processor"):
        fit({"face.device": "cuda"}, tmp_path, machine=machine)


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("pipelines", [(FACE,), (SCENE, FACE, AUDIO), (PERSON, FACE)])
def test_whether_faces_are_linked_to_persons_is_as_told_since_the_store_may_have_some(
    tmp_path: Path, pipelines: tuple[str, ...], told: bool
) -> None:
    assert fit({"preset": "embedded"}, tmp_path, pipelines)[0].face.link_persons
    assert (
        fit({"preset": "embedded", "face.link_persons": told}, tmp_path, pipelines)[0].face.link_persons
        is told
    )


def test_what_auto_came_to_is_recorded_of_each_pipeline_where_the_user_had_no_say(
    tmp_path: Path, pack: Path
) -> None:
    record = fit({"face.pack": str(pack)}, tmp_path, (SCENE, PERSON, FACE))[1].record
    assert record == {
        f"preset.{SCENE}": "embedded",
        f"preset.{PERSON}": "embedded",
        f"embedded.{PERSON}": "hog",
    }


def test_a_pack_that_changed_since_is_noticed_before_a_resumed_run(tmp_path: Path, pack: Path) -> None:
    settings, _ = fit({"face.pack": str(pack)}, tmp_path)
    check_models(settings, (FACE,))
    (pack / "det.onnx").write_bytes(b"another one")
    with pytest.raises(WrongDigest):
        check_models(settings, (FACE,))
    (pack / "det.onnx").unlink()
    pack.rmdir()
    with pytest.raises(ModelError, match="not there any more"):
        check_models(settings, (FACE,))
    check_models(settings, (SCENE, PERSON, AUDIO))


@pytest.mark.shared
def test_a_real_pack_is_found_by_its_name_and_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.faces.detector.face_detector", face_detector)
    settings, resolution = fit({"face.pack": "test_pack"}, SHARED / "models")
    assert settings.face.pack == str(SHARED / "models" / "insightface" / "models" / "test_pack")
    assert "test_pack by onnxruntime on cpu" in resolution.line
    check_models(settings, (FACE,))


@pytest.mark.shared
def test_the_publishers_digest_is_that_of_the_real_detector() -> None:
    from actors.model_files.files import digest_of

    detector = SHARED / "models" / "insightface" / "models" / "test_pack" / "det_500m.onnx"
    assert digest_of(detector) == catalogue.DETECTORS["det_500m.onnx"]
