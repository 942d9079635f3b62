"""Selects the models of a run: resolves the preset, locates or fetches files, and checks their digests."""

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
    MODEL_KEYS,
    NEURAL,
    PACKAGED,
    SCENES,
    SECTIONS,
    WEAK,
    WEIGHTLESS,
    Choice,
    PresetResolution,
    overlay,
    resolve,
)
from vaengine.models import catalogue

__all__ = ["ModelEnvironment", "check_models", "models_of", "preset_key", "select_models"]


@dataclass(frozen=True, slots=True)
class PipelineModels:
    """The functions that handle the models of one pipeline.

    `choose` decides without fetching, `resolve` locates files, `load_once` inspects them, `verify` checks
    that they are unchanged, `describe` names the model of a result, and `record` returns what a store keeps.
    A user who sets one of `deciding` decides instead of `auto`.
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
    user_settings: Layer, pipelines: tuple[str, ...], environment: ModelEnvironment
) -> tuple[Configuration, PresetResolution]:
    """Add presets and models to the user's settings; presets lie below them, located models above.

    Raises a `UsageError` for anything that cannot run: `WeightsMissing`, `UnsafePickle`, `WrongDigest`,
    `UnsuitableWeights`, ...
    """
    first = configured(user_settings).settings
    check_decoder(first)
    named = {key: given.value for key in MODEL_KEYS.values() if (given := user_settings.get(key))}
    resolution = resolve(first.preset, pipelines, environment.machine, named=named)
    choosers = {pipeline: PIPELINE_MODELS[pipeline] for pipeline in pipelines if pipeline in PIPELINE_MODELS}
    layers = [_preset_layer(resolution, first), user_settings]
    settings = configured(*layers).settings
    decisions = {
        pipeline: chooser.choose(settings, environment, MODEL_KEYS[pipeline] in user_settings)
        for pipeline, chooser in choosers.items()
    }
    resolution = _with_decisions(resolution, decisions)
    layers.append(
        layer(
            "found", {key: value for decision in decisions.values() for key, value in decision.found.items()}
        )
    )
    settings = configured(*layers).settings
    for pipeline, chooser in choosers.items():
        layers.append(layer("found", chooser.resolve(settings, _request(pipeline, resolution, environment))))
    configuration = configured(*layers)
    for chooser in choosers.values():
        chooser.load_once(configuration.settings)
    return configuration, replace(
        resolution, record=_record(user_settings, resolution, configuration.settings)
    )


def _with_decisions(resolution: PresetResolution, decisions: Mapping[str, Decision]) -> PresetResolution:
    """The resolution with the decision for each pipeline, in words and as values."""
    what = {**resolution.what, **{name: decision.what for name, decision in decisions.items()}}
    return replace(
        resolution,
        what=what,
        choices=tuple(_choice(name, resolution, decisions.get(name)) for name in resolution.presets),
    )


def _choice(pipeline: str, resolution: PresetResolution, decision: Decision | None) -> Choice:
    preset, why = resolution.presets[pipeline], resolution.reasons.get(pipeline, "")
    if decision is None:
        return Choice(pipeline, preset, SCENES, "", (), why)
    return Choice(pipeline, preset, decision.model, WEAK if decision.is_weak else "", decision.limits, why)


def _request(pipeline: str, resolution: PresetResolution, environment: ModelEnvironment) -> ModelRequest:
    return ModelRequest(
        pipeline,
        resolution.requested,
        resolution.presets[pipeline],
        environment,
        lambda: environment.announce(resolution),
    )


def _preset_layer(resolution: PresetResolution, first: Settings) -> Layer:
    """The settings of each pipeline's own preset.

    Pipelines that do not run get those of the named preset; with `auto`, those of embedded.
    """
    others = EMBEDDED if resolution.requested == AUTO else resolution.requested
    settings: dict[str, Any] = {}
    for pipeline in SECTIONS:
        preset = resolution.presets.get(pipeline, others)
        settings |= layer(
            f"preset {preset}", _overlay(preset, pipeline, first, has_weights=pipeline in resolution.packaged)
        )
    return settings


def _overlay(preset: str, pipeline: str, user_settings: Settings, *, has_weights: bool) -> dict[str, Any]:
    """A preset's settings for a pipeline.

    The model of persons comes from the catalogue: the one with key points where the settings require them.
    `has_weights` says that embedded stands for a model with weights.
    """
    weights = {}
    if pipeline == PERSON and (preset in NEURAL or has_weights):
        weights = {"person.weights": catalogue.needed(preset, person.task_asked(user_settings)).name}
    return {**overlay(preset, pipeline), **(overlay(PACKAGED, pipeline) if has_weights else {}), **weights}


def _record(user_settings: Layer, resolution: PresetResolution, settings: Settings) -> Mapping[str, str]:
    """What `auto` and embedded resolved to, so that it is decided once for a store.

    Pipelines where the user decided are left out.
    """
    if resolution.requested not in (AUTO, EMBEDDED):
        return {}
    record: dict[str, str] = {}
    for pipeline, preset in resolution.presets.items():
        chooser = PIPELINE_MODELS.get(pipeline)
        if chooser is None or not any(key in user_settings for key in chooser.deciding):
            chosen = {preset_key(pipeline): preset} if resolution.requested == AUTO else {}
            record |= {
                **chosen,
                **_embedded_record(pipeline, resolution),
                **(chooser.record(settings) if chooser else {}),
            }
    return record


def _embedded_record(pipeline: str, resolution: PresetResolution) -> Mapping[str, str]:
    """What embedded stood for, by its meta key."""
    if resolution.presets[pipeline] != EMBEDDED or pipeline == SCENE:
        return {}
    return {
        embedded_key(pipeline): EMBEDDED_MODELS[pipeline]
        if pipeline in resolution.packaged
        else WEIGHTLESS[pipeline]
    }


def preset_key(pipeline: str) -> str:
    """Meta key under which a store keeps the preset that `auto` resolved to."""
    return f"preset.{pipeline}"


def embedded_key(pipeline: str) -> str:
    """Meta key under which a store keeps the model that preset embedded stood for."""
    return f"{EMBEDDED}.{pipeline}"


def check_decoder(settings: Settings) -> None:
    """Raises `InvalidSetting` where the requested decoder is not installed."""
    if settings.decode.backend == "decord" and find_spec("decord") is None:
        raise InvalidSetting(
            "decode.backend",
            "decord",
            "it is not installed: there are wheels for x86-64 Linux only; use pyav",
        )


def check_models(settings: Settings, pipelines: tuple[str, ...]) -> None:
    """Check before a run, also a resumed one, that models are unchanged and may be loaded.

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
