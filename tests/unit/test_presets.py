"""What a preset comes to: as asked, or the best that this machine allows, once for each store."""

from __future__ import annotations

import itertools

import pytest

from schemas.errors import InvalidSetting
from schemas.pipeline import PERSON, SCENE
from schemas.settings import PRESETS
from vaengine.configuration import KNOWN, configured, layer
from vaengine.presets import NEURAL, Surroundings, overlay, resolve

BOTH = (SCENE, PERSON)


def around(*here, gpu=False, network=False, recorded=None):
    return Surroundings(gpu, lambda preset: preset in here, lambda: network, recorded)


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
def test_auto_is_the_best_that_can_run_here_and_says_why(surroundings, preset, why):
    found = resolve("auto", BOTH, surroundings)
    assert found.presets == {SCENE: preset, PERSON: preset}
    assert why in found.line


@pytest.mark.parametrize(("asked", "network"), list(itertools.product([*NEURAL, "embedded"], [True, False])))
def test_a_preset_that_was_named_is_never_replaced(asked, network):
    assert resolve(asked, BOTH, around(network=network)).preset == asked


def test_the_network_is_asked_only_where_it_matters():
    asked = []
    surroundings = Surroundings(is_here=lambda preset: True, can_fetch=lambda: asked.append(1) or True)
    for preset in ("auto", "fast", "embedded"):
        resolve(preset, BOTH, surroundings)
    resolve("auto", (SCENE,), around())
    assert asked == []


def test_scenes_alone_need_no_weights():
    found = resolve("auto", (SCENE,), around("fast", network=True))
    assert found.presets == {SCENE: "embedded"}
    assert "needs no weights" in found.line


def test_weights_that_were_named_make_auto_neural_and_contradict_embedded():
    assert resolve("auto", BOTH, around(), weights="mine.pt").preset == "fast"
    with pytest.raises(InvalidSetting, match="embedded takes none"):
        resolve("embedded", BOTH, around(), weights="mine.pt")


def test_an_unknown_preset_is_refused_with_those_there_are():
    with pytest.raises(InvalidSetting, match="auto, embedded, fast"):
        resolve("best", BOTH, around())


@pytest.mark.parametrize("preset", [preset for preset in PRESETS if preset != "auto"])
def test_every_packaged_overlay_holds_valid_settings(preset):
    values = overlay(preset)
    assert values
    assert set(values) <= set(KNOWN)
    assert configured(layer(preset, values)).settings.person.detector == ("hog" if preset == "embedded" else "yolo")
