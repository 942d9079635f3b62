"""Which models a preset stands for, pipeline by pipeline: pure, so that a run, a dry run and a test decide alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Final

from schemas.errors import InvalidSetting
from schemas.pipeline import PERSON, SCENE
from schemas.settings import PRESETS

AUTO: Final = "auto"
EMBEDDED: Final = "embedded"
NEURAL: Final = ("fast", "balanced", "high-quality")  # the best last
WITHOUT_GPU: Final = ("fast",)

SCENES: Final = "PySceneDetect, which needs no weights"
HOG: Final = "OpenCV's HOG, real but weak: it finds perhaps half of the people"
NO_WEIGHTS: Final = "no neural weights are here or can be fetched: `vaengine models pull` where there is a network"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What `auto` depends on: `recorded` is what it came to in this store before.

    `is_here` says whether a preset's weights are on this machine, `can_fetch` whether they could be fetched; they are asked only where the
    answer matters, since they may take two seconds.
    """

    gpu: bool = False
    is_here: Callable[[str], bool] = lambda preset: False
    can_fetch: Callable[[], bool] = lambda: False
    recorded: str | None = None


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a preset came to: `presets` by pipeline, `what` carries each out, `why` it was chosen, and what of it a store is to keep.

    `record` holds meta values by name; it is empty where the user decided.
    """

    asked: str
    preset: str
    presets: Mapping[str, str]
    what: Mapping[str, str]
    why: str
    record: Mapping[str, str] = field(default_factory=dict)

    @property
    def line(self) -> str:
        """What was chosen and why, for the first line of output."""
        whys = {PERSON: f"; {self.why}" if self.why else ""}
        chosen = (f"{pipeline} = {preset} ({self.what[pipeline]}{whys.get(pipeline, '')})" for pipeline, preset in self.presets.items())
        return f"preset {self.asked}: {'; '.join(chosen)}"


def resolve(asked: str, pipelines: Sequence[str], around: Surroundings, *, weights: str | None = None) -> Resolution:
    """The models for each pipeline; a preset named by the user is never replaced by another.

    `weights` is a model file that the user named, which makes `auto` neural. Raises `InvalidSetting` for a name that is none, and for
    weights with a preset that has none.
    """
    if asked not in PRESETS:
        raise InvalidSetting("preset", asked, f"it is one of {', '.join(PRESETS)}")
    if weights and asked == EMBEDDED:
        raise InvalidSetting("person.weights", weights, "preset embedded takes none; leave it out, or name another preset")
    if asked != AUTO:
        preset, why = asked, "as asked"
    elif weights:
        preset, why = "fast", "person.weights names a model"
    else:
        preset, why = _best(around) if PERSON in pipelines else (EMBEDDED, "")
    what = {SCENE: SCENES, PERSON: HOG}
    return Resolution(asked, preset, dict.fromkeys(pipelines, preset), {pipeline: what[pipeline] for pipeline in pipelines}, why)


def _best(around: Surroundings) -> tuple[str, str]:
    """The best preset that can run here, and why; without a GPU never above `fast`."""
    if around.recorded in (EMBEDDED, *NEURAL):
        return around.recorded, "as this store was begun"
    for preset in reversed(NEURAL if around.gpu else WITHOUT_GPU):
        if around.is_here(preset):
            return preset, "its weights are here"
        if around.can_fetch():
            return preset, "its weights can be fetched"
    return EMBEDDED, NO_WEIGHTS


def overlay(preset: str) -> dict[str, Any]:
    """Settings that a preset sets, by dotted key, beneath whatever a batch file or --set says: the packaged `overlays/NAME.yaml`."""
    import yaml

    from vaengine.configuration import flat

    text = files("vaengine").joinpath("overlays", f"{preset}.yaml").read_text(encoding="utf-8")
    return dict(flat(yaml.safe_load(text)))
