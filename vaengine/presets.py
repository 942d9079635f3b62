"""Which models a preset stands for, pipeline by pipeline: pure, so that a run, a dry run and a test decide alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from schemas.errors import InvalidSetting, WeightsMissing
from schemas.pipeline import PERSON, SCENE
from schemas.settings import PRESETS

EMBEDDED: Final = "embedded"
NEURAL: Final = ("fast", "balanced", "high-quality")

# Settings that a preset sets, beneath whatever a batch file or --set says.
OVERLAYS: Final[Mapping[str, Mapping[str, Any]]] = {EMBEDDED: {"person.detector": "hog"}}

WHAT_IT_IS: Final = {
    SCENE: "PySceneDetect, which needs no weights",
    PERSON: "OpenCV's HOG, real but weak: it finds perhaps half of the people",
}


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a preset came to. `presets` and `reasons` are by pipeline, `overlay` is settings by dotted key."""

    asked: str
    presets: Mapping[str, str]
    reasons: Mapping[str, str]
    overlay: Mapping[str, Any]

    @property
    def line(self) -> str:
        """What was chosen and why, for the first line of output."""
        chosen = "; ".join(f"{pipeline} = {preset} ({self.reasons[pipeline]})" for pipeline, preset in self.presets.items())
        why = "; no neural detectors in this version" if self.asked == "auto" else ""
        return f"preset {self.asked}: {chosen}{why}"


def resolve(asked: str, pipelines: Sequence[str]) -> Resolution:
    """The models for each pipeline; a preset named by the user is never replaced by another.

    Raises `WeightsMissing` for the neural presets, which this version cannot run, and `InvalidSetting` for a name that is none.
    """
    if asked not in PRESETS:
        raise InvalidSetting("preset", asked, f"it is one of {', '.join(PRESETS)}")
    if asked in NEURAL:
        raise WeightsMissing(asked, PERSON if PERSON in pipelines else pipelines[0], "neural detectors are not in this version")
    return Resolution(
        asked=asked,
        presets=dict.fromkeys(pipelines, EMBEDDED),
        reasons={pipeline: WHAT_IT_IS[pipeline] for pipeline in pipelines},
        overlay=OVERLAYS[EMBEDDED],
    )
