"""What a preset comes to: as asked, or the best that this machine allows, pipeline by pipeline, once for each store."""

from __future__ import annotations

import itertools

import pytest

from schemas.errors import InvalidSetting
from schemas.pipeline import AUDIO, AVAILABLE, FACE, PERSON, SCENE
from schemas.settings import PRESETS
from vaengine.configuration import KNOWN, configured, layer
from vaengine.models.catalogue import PRESET_FILES, PRESET_SOUND, face_pack
from vaengine.presets import NEURAL, NO_WEIGHTS, Surroundings, overlay, resolve

BOTH = (SCENE, PERSON)
MODELLED = (PERSON, FACE, AUDIO)


def around(*here, gpu=False, network=False, recorded=None, pipelines=MODELLED):
    """A machine with the weights of presets `here`, of some pipelines only."""
    known = dict.fromkeys(pipelines, recorded) if recorded else {}
    return Surroundings(gpu, lambda pipeline, preset: preset in here and pipeline in pipelines, lambda pipeline: network, known)


@pytest.mark.parametrize(
    ("surroundings", "preset", "why"),
    [
        (around(), "embedded", "vaengine models pull"),
        (around("fast"), "fast", "its weights are here"),
        (around(network=True), "fast", "can be fetched"),
        (around("balanced", "high-quality"), "embedded", "no neural weights"),
        (around("balanced", gpu=True), "balanced", "its weights are here"),
        (around("fast", gpu=True, network=True), "high-quality", "can be fetched"),
        (around("fast", recorded="embedded"), "embedded", "as this store was begun"),
        (around(recorded="fast"), "fast", "as this store was begun"),
    ],
)
@pytest.mark.parametrize("pipeline", MODELLED)
def test_auto_is_the_best_that_can_run_here_and_says_why(surroundings, preset, why, pipeline):
    found = resolve("auto", (SCENE, pipeline), surroundings)
    assert found.presets == {SCENE: "embedded", pipeline: preset}
    assert why in found.line


@pytest.mark.parametrize("here", MODELLED)
def test_auto_decides_for_each_pipeline_by_itself(here):
    found = resolve("auto", AVAILABLE, around("fast", pipelines=(here,)))
    assert found.presets == {SCENE: "embedded", **dict.fromkeys(MODELLED, "embedded"), here: "fast"}


def test_the_first_line_is_one_line_that_gives_a_reason_once_and_says_what_embedded_lacks():
    line = resolve("auto", AVAILABLE, around()).line
    assert line.startswith("preset auto: scene_detection = embedded (PySceneDetect, which needs no weights); person_tracking = embedded (")
    assert "face_analysis = embedded (OpenCV's cascade: weak, no identities; likewise)" in line
    assert "audio_processing = embedded (voice activity and loudness, no text; likewise)" in line
    assert (line.count(NO_WEIGHTS), line.count("\n")) == (1, 0)


@pytest.mark.parametrize(("asked", "network"), list(itertools.product([*NEURAL, "embedded"], [True, False])))
def test_a_preset_that_was_named_is_never_replaced(asked, network):
    assert set(resolve(asked, AVAILABLE, around(network=network)).presets.values()) == {asked}


def test_the_network_is_asked_only_where_it_matters():
    asked = []
    surroundings = Surroundings(is_here=lambda pipeline, preset: True, can_fetch=lambda pipeline: asked.append(pipeline) or True)
    for preset in ("auto", "fast", "embedded"):
        resolve(preset, AVAILABLE, surroundings)
    nothing_here = Surroundings(can_fetch=lambda pipeline: asked.append(pipeline) or True)
    resolve("auto", (SCENE,), nothing_here)
    assert asked == []
    resolve("auto", (SCENE, FACE), nothing_here)
    assert asked == [FACE]


def test_scenes_alone_need_no_weights():
    found = resolve("auto", (SCENE,), around("fast", network=True))
    assert found.presets == {SCENE: "embedded"}
    assert "needs no weights" in found.line


@pytest.mark.parametrize(
    ("key", "model", "pipeline"), [("person.weights", "mine.pt", PERSON), ("face.pack", "mine", FACE), ("audio.model", "small", AUDIO)]
)
def test_a_model_that_was_named_makes_auto_neural_for_its_pipeline_and_contradicts_embedded(key, model, pipeline):
    found = resolve("auto", AVAILABLE, around(recorded="embedded"), named={key: model})
    assert found.presets == {**dict.fromkeys(AVAILABLE, "embedded"), pipeline: "fast"}
    assert f"{key} names a model" in found.line
    with pytest.raises(InvalidSetting, match=f"{key}.*embedded takes none"):
        resolve("embedded", BOTH, around(), named={key: model})


def test_an_unknown_preset_is_refused_with_those_there_are():
    with pytest.raises(InvalidSetting, match="auto, embedded, fast"):
        resolve("best", BOTH, around())


@pytest.mark.parametrize("preset", [preset for preset in PRESETS if preset != "auto"])
def test_every_packaged_overlay_holds_valid_settings(preset):
    values = overlay(preset)
    assert set(values) <= set(KNOWN)
    settings = configured(layer(preset, values)).settings
    neural = preset != "embedded"
    assert settings.person.detector == ("yolo" if neural else "hog")
    assert settings.face.detector == ("scrfd" if neural else "cascade")
    assert (settings.audio.model is not None, settings.audio.events_model is not None) == (neural, neural)


@pytest.mark.parametrize("preset", NEURAL)
def test_overlays_and_catalogue_name_the_same_models(preset):
    values = overlay(preset)
    assert face_pack(values["face.pack"]).name == PRESET_FILES[preset]["face"]
    assert (values["audio.model"], values["audio.events_model"]) == (PRESET_SOUND[preset]["whisper"], PRESET_SOUND[preset]["events"])


def test_an_overlay_can_be_had_for_one_pipeline():
    parts = [overlay("fast", pipeline) for pipeline in MODELLED]
    assert {key for part in parts for key in part} == set(overlay("fast"))
    assert all(key.startswith("face.") for key in parts[1])
