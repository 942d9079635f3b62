"""Settings fitted to this machine: the preset resolved, its models found or fetched, checked, and held to
their digests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any, Final

from schemas.errors import InvalidSetting
from schemas.pipelines import AUDIO, FACE, PERSON, SCENE
from schemas.settings.layers import Configuration, Layer, configured, layer
from schemas.settings.settings import Settings
from vaengine.model_selection import audio, face, person
from vaengine.model_selection.environment import Decision, ModelEnvironment, ModelRequest
from vaengine.model_selection.presets import (
    AUTO,
    EMBEDDED,
    NAMING,
    NEURAL,
    PACKAGED,
    SCENES,
    SECTIONS,
    WEAK,
    WEIGHTLESS,
    Choice,
    Resolution,
    overlay,
    resolve,
)
from vaengine.models import catalogue

__all__ = ["ModelEnvironment", "check_models", "models_of", "preset_key", "select_models"]


@dataclass(frozen=True, slots=True)
class PipelineModels:
    """What is done for the models of one pipeline: each function takes settings, and is told where it is in
    `vaengine.model_selection`.

    `choose` decides without fetching, `resolve` finds files, `load_once` looks into them, `verify` sees that
    they are what they were, `describe` names the model that results come from, `record` is what a store
    keeps. A user who sets one of `deciding` decides instead of `auto`.
    """

    choose: Callable[[Settings, ModelEnvironment, bool], Decision]
    resolve: Callable[[Settings, ModelRequest], Mapping[str, Any]]
    load_once: Callable[[Settings], None]
    verify: Callable[[Settings], None]
    describe: Callable[[Settings], dict[str, str | None] | None]
    record: Callable[[Settings], Mapping[str, str]]
    deciding: tuple[str, ...]


PIPELINE_MODELS: Final[Mapping[str, PipelineModels]] = {
    pipeline: PipelineModels(
        part.choose, part.resolve, part.load_once, part.verify, part.describe, part.record, part.DECIDING
    )
    for pipeline, part in ((PERSON, person), (FACE, face), (AUDIO, audio))
}


EMBEDDED_MODELS: Final = {
    PERSON: catalogue.PRESET_FILES[EMBEDDED]["detect"],
    FACE: catalogue.PRESET_FILES[EMBEDDED]["face"],
    AUDIO: catalogue.PRESET_SOUND[EMBEDDED]["whisper"],
}


def select_models(
    told: Layer, pipelines: tuple[str, ...], workshop: ModelEnvironment
) -> tuple[Configuration, Resolution]:
    """Settings from what the user told, with the presets and their models beneath and around it.

    Raises a `UsageError` for anything that cannot be run: `WeightsMissing`, `UnsafePickle`, `WrongDigest`,
    `UnsuitableWeights`, ...
    """
    first = configured(told).settings
    check_decoder(first)
    named = {key: given.value for key in NAMING.values() if (given := told.get(key))}
    resolution = resolve(first.preset, pipelines, workshop.around, named=named)
    choosers = {pipeline: PIPELINE_MODELS[pipeline] for pipeline in pipelines if pipeline in PIPELINE_MODELS}
    layers = [_beneath(resolution, first), told]
    settings = configured(*layers).settings
    decisions = {
        pipeline: chooser.choose(settings, workshop, NAMING[pipeline] in told)
        for pipeline, chooser in choosers.items()
    }
    resolution = _settled(resolution, decisions)
    layers.append(
        layer(
            "found", {key: value for decision in decisions.values() for key, value in decision.found.items()}
        )
    )
    settings = configured(*layers).settings
    for pipeline, chooser in choosers.items():
        layers.append(layer("found", chooser.resolve(settings, _order(pipeline, resolution, workshop))))
    configuration = configured(*layers)
    for chooser in choosers.values():
        chooser.load_once(configuration.settings)
    return configuration, replace(resolution, record=_record(told, resolution, configuration.settings))


def _settled(resolution: Resolution, decisions: Mapping[str, Decision]) -> Resolution:
    """The resolution with what was decided for each pipeline, in words and as values."""
    what = {**resolution.what, **{name: decision.what for name, decision in decisions.items()}}
    return replace(
        resolution,
        what=what,
        choices=tuple(_choice(name, resolution, decisions.get(name)) for name in resolution.presets),
    )


def _choice(pipeline: str, resolution: Resolution, decision: Decision | None) -> Choice:
    preset, why = resolution.presets[pipeline], resolution.whys.get(pipeline, "")
    if decision is None:
        return Choice(pipeline, preset, SCENES, "", (), why)
    return Choice(pipeline, preset, decision.model, WEAK if decision.is_weak else "", decision.limits, why)


def _order(pipeline: str, resolution: Resolution, workshop: ModelEnvironment) -> ModelRequest:
    return ModelRequest(
        pipeline,
        resolution.asked,
        resolution.presets[pipeline],
        workshop,
        lambda: workshop.announce(resolution),
    )


def _beneath(resolution: Resolution, first: Settings) -> Layer:
    """Each pipeline's settings of its own preset; of pipelines not asked for those of the preset as
    named, of `auto` the embedded ones.
    """
    others = EMBEDDED if resolution.asked == AUTO else resolution.asked
    settings: dict[str, Any] = {}
    for pipeline in SECTIONS:
        preset = resolution.presets.get(pipeline, others)
        settings |= layer(
            f"preset {preset}", _overlay(preset, pipeline, first, has_weights=pipeline in resolution.packaged)
        )
    return settings


def _overlay(preset: str, pipeline: str, told: Settings, *, has_weights: bool) -> dict[str, Any]:
    """A preset's settings for a pipeline; the model of persons is the catalogue's, the one with key points
    where those are asked for.

    `has_weights` says that embedded stands for models rather than for what does without.
    """
    weights = {}
    if pipeline == PERSON and (preset in NEURAL or has_weights):
        weights = {"person.weights": catalogue.needed(preset, person.task_asked(told)).name}
    return {**overlay(preset, pipeline), **(overlay(PACKAGED, pipeline) if has_weights else {}), **weights}


def _record(told: Layer, resolution: Resolution, settings: Settings) -> Mapping[str, str]:
    """What `auto` and embedded came to by themselves, to be decided once for a store; nothing of a
    pipeline where the user had a say.
    """
    if resolution.asked not in (AUTO, EMBEDDED):
        return {}
    record: dict[str, str] = {}
    for pipeline, preset in resolution.presets.items():
        chooser = PIPELINE_MODELS.get(pipeline)
        if chooser is None or not any(key in told for key in chooser.deciding):
            chosen = {preset_key(pipeline): preset} if resolution.asked == AUTO else {}
            record |= {
                **chosen,
                **_embedded(pipeline, resolution),
                **(chooser.record(settings) if chooser else {}),
            }
    return record


def _embedded(pipeline: str, resolution: Resolution) -> Mapping[str, str]:
    """What embedded stood for, by its meta key."""
    if resolution.presets[pipeline] != EMBEDDED or pipeline == SCENE:
        return {}
    return {
        embedded_key(pipeline): EMBEDDED_MODELS[pipeline]
        if pipeline in resolution.packaged
        else WEIGHTLESS[pipeline]
    }


def preset_key(pipeline: str) -> str:
    """Under which a store keeps what `auto` came to."""
    return f"preset.{pipeline}"


def embedded_key(pipeline: str) -> str:
    """Under which a store keeps the model that preset embedded stood for."""
    return f"{EMBEDDED}.{pipeline}"


def check_decoder(settings: Settings) -> None:
    """Raises `InvalidSetting` where the decoder that was asked for is not installed."""
    if settings.decode.backend == "decord" and find_spec("decord") is None:
        raise InvalidSetting(
            "decode.backend",
            "decord",
            "it is not installed: there are wheels for x86-64 Linux only; use pyav",
        )


def check_models(settings: Settings, pipelines: tuple[str, ...]) -> None:
    """Before a run, a resumed one too: the models are what they were, and may be loaded.

    Raises `ModelError`, `WrongDigest` or `UnsafePickle`.
    """
    for pipeline in pipelines:
        if pipeline in PIPELINE_MODELS:
            PIPELINE_MODELS[pipeline].verify(settings)


def models_of(settings: Settings, pipelines: tuple[str, ...]) -> dict[str, dict[str, str | None]]:
    """Name (`file`) and digest (`sha256`) of the model of each pipeline that has one."""
    found = {
        pipeline: PIPELINE_MODELS[pipeline].describe(settings)
        for pipeline in pipelines
        if pipeline in PIPELINE_MODELS
    }
    return {pipeline: model for pipeline, model in found.items() if model}
