"""What a preset comes to: as asked, or the best that this machine allows, pipeline by pipeline, once for
each store.
"""

from __future__ import annotations

import itertools

import pytest

from schemas.errors import InvalidSetting
from schemas.pipelines import AUDIO, AVAILABLE, FACE, PERSON, SCENE
from schemas.settings.layers import KNOWN, configured, layer
from schemas.settings.settings import PRESETS
from vaengine.model_selection.presets import NEURAL, NO_WEIGHTS, WEIGHTLESS, Machine, overlay, resolve
from vaengine.models.catalogue import PRESET_FILES, PRESET_SOUND, face_pack

BOTH = (SCENE, PERSON)
MODELLED = (PERSON, FACE, AUDIO)


def machine(*here, gpu=False, network=False, recorded=None, pipelines=MODELLED):
    """A machine with the weights of presets `here`, of some pipelines only."""
    known = dict.fromkeys(pipelines, recorded) if recorded else {}
    return Machine(
        gpu,
        lambda pipeline, preset: preset in here and pipeline in pipelines,
        lambda pipeline: network,
        known,
    )


@pytest.mark.parametrize(
    ("surroundings", "preset", "why"),
    [
        (machine(), "embedded", "vaengine models pull"),
        (machine("fast"), "fast", "its weights are here"),
        (machine(network=True), "fast", "can be fetched"),
        (machine("balanced", "high-quality"), "embedded", "no neural weights"),
        (machine("balanced", gpu=True), "balanced", "its weights are here"),
        (machine("fast", gpu=True, network=True), "high-quality", "can be fetched"),
        (machine("fast", recorded="embedded"), "embedded", "as this store was begun"),
        (machine(recorded="fast"), "fast", "as this store was begun"),
    ],
)
@pytest.mark.parametrize("pipeline", MODELLED)
def test_auto_is_the_best_that_can_run_here_and_says_why(surroundings, preset, why, pipeline):
    found = resolve("auto", (SCENE, pipeline), surroundings)
    assert found.presets == {SCENE: "embedded", pipeline: preset}
    assert why in found.line


@pytest.mark.parametrize("here", MODELLED)
def test_auto_decides_for_each_pipeline_by_itself(here):
    found = resolve("auto", AVAILABLE, machine("fast", pipelines=(here,)))
    assert found.presets == {SCENE: "embedded", **dict.fromkeys(MODELLED, "embedded"), here: "fast"}


def test_the_first_line_is_one_line_that_gives_a_reason_once_and_says_what_embedded_lacks():
    line = resolve("auto", AVAILABLE, machine()).line
    assert line.startswith(
        "preset auto: scene_detection = embedded (PySceneDetect, which needs no weights); person_tracking = "
        "embedded ("
    )
    assert "face_analysis = embedded (OpenCV's cascade: weak, no identities; likewise)" in line
    assert "audio_processing = embedded (voice activity and loudness, no text; likewise)" in line
    assert (line.count(NO_WEIGHTS), line.count("\n")) == (1, 0)


@pytest.mark.parametrize(("asked", "network"), list(itertools.product([*NEURAL, "embedded"], [True, False])))
def test_a_preset_that_was_named_is_never_replaced(asked, network):
    assert set(resolve(asked, AVAILABLE, machine(network=network)).presets.values()) == {asked}


def test_the_network_is_asked_only_where_it_matters():
    asked = []
    surroundings = Machine(
        is_here=lambda pipeline, preset: True, can_fetch=lambda pipeline: asked.append(pipeline) or True
    )
    for preset in ("auto", "fast", "embedded"):
        resolve(preset, AVAILABLE, surroundings)
    nothing_here = Machine(can_fetch=lambda pipeline: asked.append(pipeline) or True)
    resolve("auto", (SCENE,), nothing_here)
    assert asked == []
    resolve("auto", (SCENE, FACE), nothing_here)
    assert asked == [FACE]


def test_scenes_alone_need_no_weights():
    found = resolve("auto", (SCENE,), machine("fast", network=True))
    assert found.presets == {SCENE: "embedded"}
    assert "needs no weights" in found.line


@pytest.mark.parametrize(
    ("key", "model", "pipeline"),
    [("person.weights", "mine.pt", PERSON), ("face.pack", "mine", FACE), ("audio.model", "small", AUDIO)],
)
def test_a_model_that_was_named_makes_auto_neural_for_its_pipeline_and_contradicts_embedded(
    key, model, pipeline
):
    found = resolve("auto", AVAILABLE, machine(recorded="embedded"), named={key: model})
    assert found.presets == {**dict.fromkeys(AVAILABLE, "embedded"), pipeline: "fast"}
    assert f"{key} names a model" in found.line
    with pytest.raises(InvalidSetting, match=f"{key}.*embedded takes none"):
        resolve("embedded", BOTH, machine(), named={key: model})


def test_an_unknown_preset_is_refused_with_those_there_are():
    with pytest.raises(InvalidSetting, match="auto, embedded, fast"):
        resolve("best", BOTH, machine())


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
    assert (values["audio.model"], values["audio.events_model"]) == (
        PRESET_SOUND[preset]["whisper"],
        PRESET_SOUND[preset]["events"],
    )


def test_an_overlay_can_be_had_for_one_pipeline():
    parts = [overlay("fast", pipeline) for pipeline in MODELLED]
    assert {key for part in parts for key in part} == set(overlay("fast"))
    assert all(key.startswith("face.") for key in parts[1])


def packaged(*pipelines, **changes):
    """A machine with the models of the extra `offline` for some pipelines."""
    return Machine(is_here=lambda pipeline, preset: preset == "embedded" and pipeline in pipelines, **changes)


@pytest.mark.parametrize("asked", ["auto", "embedded"])
@pytest.mark.parametrize("here", MODELLED)
def test_embedded_stands_for_the_models_that_are_here_and_for_what_does_without_elsewhere(asked, here):
    found = resolve(asked, AVAILABLE, packaged(here))
    assert set(found.presets.values()) == {"embedded"}
    assert found.packaged == {here}
    assert "pip install 'vaengine[offline]'" not in found.reasons[here]
    assert all("pip install 'vaengine[offline]'" in found.reasons[other] for other in set(MODELLED) - {here})


@pytest.mark.parametrize("asked", ["auto", "embedded"])
@pytest.mark.parametrize("pipeline", MODELLED)
def test_a_store_that_was_begun_with_either_goes_on_with_it_whatever_is_here_now(asked, pipeline):
    without = packaged(*MODELLED, recorded={pipeline: "embedded"}, begun={pipeline: WEIGHTLESS[pipeline]})
    assert resolve(asked, (pipeline,), without).packaged == frozenset()
    assert "as this store was begun" in resolve(asked, (pipeline,), without).line
    begun = packaged(recorded={pipeline: "embedded"}, begun={pipeline: "a model"})
    assert resolve(asked, (pipeline,), begun).packaged == {pipeline}


@pytest.mark.parametrize("asked", ["auto", "embedded"])
def test_a_store_that_does_not_say_what_embedded_stood_for_was_begun_without_models(asked):
    assert resolve(asked, (PERSON,), packaged(PERSON, recorded={PERSON: "embedded"})).packaged == frozenset()


def test_a_package_with_another_file_is_told_as_the_reason():
    found = resolve("embedded", (PERSON,), Machine(fault=lambda pipeline: "not used: another file"))
    assert found.reasons[PERSON] == "as asked; not used: another file"


def test_what_the_overlay_of_packaged_models_sets_is_tracked_as_in_preset_fast():
    values, fast = overlay("packaged"), overlay("fast")
    settings = configured(layer("packaged", values)).settings
    assert (settings.person.detector, settings.face.detector, settings.audio.model) == (
        "yolo",
        "centerface",
        "tiny.en",
    )
    tracking = {key for key in fast if key.startswith("person.")}
    assert {key: values[key] for key in tracking} == {key: fast[key] for key in tracking}
