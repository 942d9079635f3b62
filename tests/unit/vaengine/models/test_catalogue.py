"""The registry of model files."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.model_files.torchaudio import file_of
from schemas.errors import UnknownModel
from schemas.pipelines import AUDIO, FACE, PERSON
from schemas.settings.models import HubModel, ModelFile, model_name
from schemas.settings.settings import PRESETS
from vaengine.models.catalogue import (
    ALIGNERS,
    HUB_MODELS,
    MODELS,
    PIPELINES,
    PRESET_FILES,
    PRESET_SOUND,
    audio_models_of,
    everything,
    face_pack,
    meant,
    needed,
    presets_of,
)

NANO = needed("fast")


def test_every_neural_preset_has_a_model_for_each_task() -> None:
    assert set(PRESET_FILES) == set(PRESET_SOUND) == set(PRESETS) - {"auto"}
    for preset, sound in PRESET_SOUND.items():
        if preset == "embedded":
            continue
        assert all(needed(preset, task).task == task for task in ("detect", "pose", "face"))
        assert all(HUB_MODELS[name].task == task for task, name in sound.items())
        assert {model.task for model in audio_models_of(preset)} == {"whisper", "events"}


def test_every_file_has_its_own_published_digest() -> None:
    digests = [model.sha256 for model in MODELS.values()]
    assert len(set(digests)) == len(digests) == 12
    assert None not in digests


@pytest.mark.long
def test_aligners_are_those_that_whisperx_takes_from_torchaudio_under_the_names_of_its_files() -> None:
    from whisperx.alignment import DEFAULT_ALIGN_MODELS_TORCH

    assert set(ALIGNERS) == set(DEFAULT_ALIGN_MODELS_TORCH.values())
    assert {name: model.name for name, model in ALIGNERS.items()} == {
        name: file_of(name) for name in ALIGNERS
    }
    english = ALIGNERS["WAV2VEC2_ASR_BASE_960H"]
    assert meant(["WAV2VEC2_ASR_BASE_960H"]) == meant([english.name]) == (english,), "pulled by either name"
    assert english not in everything(), "no preset needs it"


def test_every_model_is_loaded_by_a_preset_but_for_packs_that_users_name() -> None:
    assert [model.name for model in everything() if not presets_of(model)] == [
        "buffalo_m.zip",
        "buffalo_sc.zip",
        "antelopev2.zip",
    ]


def test_packs_of_faces_say_that_they_are_for_research_only() -> None:
    packs = [model for model in MODELS.values() if model.pack]
    assert {model.licence for model in packs} == {"non-commercial research"}
    assert [model.pack for model in packs] == [
        "buffalo_s",
        "buffalo_l",
        "buffalo_m",
        "buffalo_sc",
        "antelopev2",
    ]
    assert face_pack("buffalo_l") is face_pack("buffalo_l.zip") is MODELS["buffalo_l.zip"]
    assert face_pack("yolo11n.pt") is None


def test_larger_presets_have_larger_files() -> None:
    for task in ("detect", "pose"):
        sizes = [needed(preset, task).size_bytes for preset in PRESET_FILES if preset != "embedded"]
        assert sizes == sorted(sizes)


def test_names_of_presets_and_files_mean_each_file_once() -> None:
    of_preset = ["yolo11n.pt", "buffalo_s.zip", "small", "MIT/ast-finetuned-audioset-10-10-0.4593"]
    found = meant(["fast", "yolo11n.pt", "yolo11x-pose", "buffalo_s"])
    assert [model.name for model in found] == [*of_preset, "yolo11x-pose.pt"]


def test_embedded_means_the_models_that_come_as_packages_each_with_its_licence() -> None:
    found = meant(["embedded"])
    assert [(model.name, model.licence) for model in found] == [
        ("yolo11n-pose.pt", "AGPL-3.0"),
        ("centerface.onnx", "MIT"),
        ("tiny.en", "MIT"),
    ]
    assert all(model.packaged and model.held_to for model in found)


@pytest.mark.parametrize(("pipeline", "names"), [(PERSON, ["yolo11n.pt"]), (FACE, ["buffalo_s.zip"])])
def test_of_a_preset_one_pipelines_models_can_be_meant(pipeline: str, names: list[str]) -> None:
    assert [model.name for model in meant(["fast"], (pipeline,))] == names
    assert {PIPELINES[model.task] for model in everything((pipeline, AUDIO))} == {pipeline, AUDIO}


@pytest.mark.parametrize(
    ("typed", "known"),
    [("fats", "fast"), ("yolo11n-pos.pt", "yolo11n-pose.pt"), ("high_quality", "high-quality")],
)
def test_an_unknown_name_is_answered_with_the_nearest(typed: str, known: str) -> None:
    with pytest.raises(UnknownModel, match=f"did you mean '{known}'"):
        meant([typed])


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "../evil.pt"},
        {"name": ".hidden"},
        {"name": ""},
        {"url": "file:///etc/passwd"},
        {"sha256": "abc"},
        {"sha256": "A" * 64},
        {"members": {"../evil.onnx": "a" * 64}},
        {"members": {"good.onnx": "a"}},
        {"size_bytes": 0},
    ],
)
def test_an_impossible_entry_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"name|fetched|digits|bytes"):
        replace(NANO, **changes)  # type: ignore[arg-type]


@given(st.text(max_size=30))
def test_no_name_leads_out_of_the_folder_of_models(name: str) -> None:
    try:
        model = ModelFile(name, NANO.url, None, 1, "MIT", "pose", "")
    except ValueError:
        return
    assert "/" not in model.name
    assert model.name not in (".", "..")


@pytest.mark.parametrize("name", ["", "a/b/c", "/a", "../a", "a b"])
def test_an_impossible_name_of_the_hub_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="OWNER/NAME"):
        HubModel(name, "whisper", 1, "MIT", "")


@pytest.mark.parametrize(
    "named",
    [
        "whisper-small",
        "Systran/whisper-small",
        "/m/Systran/whisper-small",
        "/c/hub/models--Systran--whisper-small/snapshots/0a1b",
    ],
)
def test_a_model_keeps_its_name_wherever_it_was_found(named: str) -> None:
    assert model_name(named) == "whisper-small"
