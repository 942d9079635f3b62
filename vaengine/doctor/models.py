"""The doctor's checks of models: which are here, and whether others could come."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from schemas.pipelines import AUDIO, FACE, PERSON, SHORT_NAMES
from vaengine.doctor.check import Check
from vaengine.models.catalogue import PRESET_FILES, meant
from vaengine.models.weights import ModelStatus
from vaengine.models.wheels import CURE

TERMS: Final = (
    "make one at the hub, accept the terms of pyannote/speaker-diarization-community-1, and set HF_TOKEN"
)


def weights_check(named: Path | None, found: Sequence[ModelStatus]) -> Check:
    """For which presets each pipeline has its weights here; `embedded` does without, but a folder that
    was named has to be there.
    """
    if named is not None and not named.is_dir():
        cure = f"correct VAENGINE_MODELS, or fetch weights into it: vaengine models pull --models {named}"
        return Check("weights", "fail", f"no folder {named}", cure)
    faulty = [each for each in found if each.path and not each.usable]
    if faulty:
        return Check(
            "weights",
            "fail",
            "; ".join(f"{each.path}: {each.state}" for each in faulty),
            "see `vaengine models check`",
        )
    here = {each.model.name for each in found if each.usable}
    ready = {
        short: _ready(pipeline, here)
        for short, pipeline in SHORT_NAMES.items()
        if pipeline in (PERSON, FACE, AUDIO)
    }
    if not any(ready.values()):
        text = (
            f"none are here ({CURE} brings small ones, `vaengine models pull` fetches larger ones); "
            "preset embedded needs none"
        )
        return Check("weights", "ok", text)
    texts = [f"{short}: {', '.join(presets) or 'none'}" for short, presets in ready.items()]
    return Check("weights", "ok", f"here for presets of {'; '.join(texts)}; preset embedded needs none")


def _ready(pipeline: str, here: set[str]) -> list[str]:
    """The presets all of whose models of a pipeline are here."""
    return [
        preset
        for preset in PRESET_FILES
        if here.issuperset(model.name for model in meant([preset], (pipeline,)))
    ]


def embedded_check(what: str, package: str, file: str, folder: Path | None) -> Check:
    """Whether a model that comes in another package's wheel is there; preset embedded works with nothing
    else.
    """
    if folder is not None and (folder / file).is_file():
        return Check(what, "ok", f"preset embedded has {file.rpartition('/')[2]} of {package}")
    return Check(what, "fail", f"{package} has no {file}", "install it again: preset embedded needs it")


def hub_check(host: str, reached: bool, *, forbidden_by: str | None = None) -> Check:
    """Without the publishers of files only weights that are not here are missed."""
    cure = (
        "no weights can be fetched: preset embedded needs none, --models names a folder of weights, "
        "VAENGINE_MODELS_URL a mirror"
    )
    return _place_check("hub", host, reached, forbidden_by, cure)


def sound_hub_check(host: str, reached: bool, *, forbidden_by: str | None = None) -> Check:
    """The same for models of sound."""
    cure = (
        "no models of sound can be fetched: preset embedded needs none, --models names a folder of them, "
        "HF_ENDPOINT a mirror"
    )
    return _place_check("sound hub", host, reached, forbidden_by, cure)


def _place_check(what: str, host: str, reached: bool, forbidden_by: str | None, cure: str) -> Check:
    if forbidden_by:
        return Check(what, "ok", f"{host} is not asked: {forbidden_by} is set")
    if reached:
        return Check(what, "ok", f"{host} answers")
    return Check(what, "warn", f"{host} does not answer in 2 s", cure)


def token_check(present: bool) -> Check:
    """Whether models behind terms can be fetched; the token itself is nobody's business."""
    if present:
        return Check("HF_TOKEN", "ok", "set: speakers can be told apart")
    return Check(
        "HF_TOKEN", "ok", f"not set: speakers are told apart only where their model is here ({TERMS})"
    )
