"""A config_hash covers what can change a pipeline's result, and nothing else."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.pipelines import AUDIO, AVAILABLE, PERSON, SCENE
from schemas.settings.settings import (
    EngineSettings,
    KindRecovery,
    RecoverySettings,
    Settings,
    config_hash,
    pipeline_config,
)

DEFAULT = Settings()
engines = st.builds(
    EngineSettings,
    workers=st.integers(0, 32),
    chunk_seconds=st.floats(0.5, 600),
    max_passes=st.integers(1, 20),
    page_chunks=st.integers(1, 10_000),
)


def changed(section: str, **values: Any) -> Settings:
    return DEFAULT.model_copy(update={section: getattr(DEFAULT, section).model_copy(update=values)})


@given(engines)
@pytest.mark.parametrize("pipeline", [SCENE, PERSON])
def test_how_work_is_cut_and_spread_never_changes_a_hash(pipeline: str, engine: EngineSettings) -> None:
    assert config_hash(Settings(engine=engine), pipeline) == config_hash(DEFAULT, pipeline)


@pytest.mark.parametrize("pipeline", AVAILABLE)
def test_what_is_tried_again_never_changes_a_hash(pipeline: str) -> None:
    patient = RecoverySettings(strategy="fixed", attempts=9, store=KindRecovery(attempts=1))
    assert config_hash(Settings(recovery=patient), pipeline) == config_hash(DEFAULT, pipeline)


def test_a_person_setting_changes_the_hash_of_persons_only() -> None:
    other = changed("person", sample_fps=2.0)
    assert config_hash(other, PERSON) != config_hash(DEFAULT, PERSON)
    assert config_hash(other, SCENE) == config_hash(DEFAULT, SCENE)


def test_the_usual_video_track_leaves_hashes_as_they_were_and_another_one_changes_those_of_pictures() -> None:
    other = changed("decode", video_track=1)
    assert pipeline_config(DEFAULT, SCENE)["decode"] == {"backend": "pyav"}
    assert config_hash(other, SCENE) != config_hash(DEFAULT, SCENE)
    assert config_hash(other, AUDIO) == config_hash(DEFAULT, AUDIO)


def test_a_scene_setting_changes_both_hashes_because_tracks_are_reset_at_cuts() -> None:
    other = changed("scene", threshold=30.0)
    assert config_hash(other, SCENE) != config_hash(DEFAULT, SCENE)
    assert config_hash(other, PERSON) != config_hash(DEFAULT, PERSON)


@pytest.mark.parametrize(
    "field", sorted({*type(DEFAULT.person).model_fields} - {"weights"})
)  # their digest is
def test_every_person_setting_is_part_of_the_configuration(field: str) -> None:
    assert field in pipeline_config(DEFAULT, PERSON)["person"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"engine": {"workers": 33}},
        {"scene": {"threshold": 0}},
        {"person": {"smaple_fps": 5}},
        {"preset": "best"},
    ],
)
def test_a_setting_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate(wrong)


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        DEFAULT.preset = "fast"  # type: ignore[misc]


def test_a_sound_track_is_part_of_the_configuration_once_it_is_chosen() -> None:
    assert "track" not in pipeline_config(DEFAULT, AUDIO)["audio"], (
        "results of versions without the choice keep their hash"
    )
    chosen = [config_hash(changed("audio", track=track), AUDIO) for track in (0, 1)]
    assert len({*chosen, config_hash(DEFAULT, AUDIO)}) == 3
    assert config_hash(changed("audio", track=1), SCENE) == config_hash(DEFAULT, SCENE)


def test_results_of_sound_from_before_its_times_were_bounded_are_not_taken_for_these() -> None:
    assert pipeline_config(DEFAULT, AUDIO)["version"] != "1"
