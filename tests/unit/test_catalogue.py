"""The registry of model files."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import UnknownModel
from schemas.model import ModelFile
from schemas.settings import PRESETS
from vaengine.models.catalogue import MODELS, PRESET_FILES, meant, needed, presets_of

NANO = needed("fast")


def test_every_neural_preset_has_a_detector_and_a_pose_model() -> None:
    assert set(PRESET_FILES) == set(PRESETS) - {"auto", "embedded"}
    for preset in PRESET_FILES:
        assert needed(preset).task == "detect"
        assert needed(preset, "pose").task == "pose"


def test_every_file_has_its_own_published_digest_and_a_preset() -> None:
    digests = [model.sha256 for model in MODELS.values()]
    assert len(set(digests)) == len(digests) == 6
    assert None not in digests
    assert all(presets_of(model) for model in MODELS.values())


def test_larger_presets_have_larger_files() -> None:
    for task in ("detect", "pose"):
        sizes = [needed(preset, task).size_bytes for preset in PRESET_FILES]
        assert sizes == sorted(sizes)


def test_names_of_presets_and_files_mean_each_file_once() -> None:
    assert [model.name for model in meant(["fast", "yolo11n.pt", "yolo11x-pose"])] == ["yolo11n.pt", "yolo11x-pose.pt"]


@pytest.mark.parametrize(("typed", "known"), [("fats", "fast"), ("yolo11n-pos.pt", "yolo11n-pose.pt"), ("high_quality", "high-quality")])
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
