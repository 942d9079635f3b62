"""The doctor's checks of models: which are on this machine, and whether others can be fetched."""

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
    """For which presets each pipeline has its weights here.

    Preset embedded needs none, but a folder that was named must exist.
    """
    if named is not None and not named.is_dir():
        cure = f"correct VAENGINE_MODELS, or fetch weights into it: vaengine models pull --models {named}"
        return Check("weights", "fail", f"no folder {named}", cure)
    faulty = [status for status in found if status.path and not status.usable]
    if faulty:
        return Check(
            "weights",
            "fail",
            "; ".join(f"{status.path}: {status.state}" for status in faulty),
            "see `vaengine models check`",
        )
    names_here = {status.model.name for status in found if status.usable}
    ready_presets = {
        short: _ready_presets(pipeline, names_here)
        for short, pipeline in SHORT_NAMES.items()
        if pipeline in (PERSON, FACE, AUDIO)
    }
    if not any(ready_presets.values()):
        text = (
            f"none are here ({CURE} brings small ones, `vaengine models pull` fetches larger ones); "
            "preset embedded needs none"
        )
        return Check("weights", "ok", text)
    texts = [f"{short}: {', '.join(presets) or 'none'}" for short, presets in ready_presets.items()]
    return Check("weights", "ok", f"here for presets of {'; '.join(texts)}; preset embedded needs none")


def _ready_presets(pipeline: str, here: set[str]) -> list[str]:
    """Presets whose models of a pipeline are all here."""
    return [
        preset
        for preset in PRESET_FILES
        if here.issuperset(model.name for model in meant([preset], (pipeline,)))
    ]


def embedded_check(what: str, package: str, file: str, folder: Path | None) -> Check:
    """Whether a model is in the wheel of another package; preset embedded has no other."""
    if folder is not None and (folder / file).is_file():
        return Check(what, "ok", f"preset embedded has {file.rpartition('/')[2]} of {package}")
    return Check(what, "fail", f"{package} has no {file}", "install it again: preset embedded needs it")


def hub_check(host: str, reached: bool, *, forbidden_by: str | None = None) -> Check:
    """Whether the host of model files answers; without it only missing weights cannot be fetched."""
    cure = (
        "no weights can be fetched: preset embedded needs none, --models names a folder of weights, "
        "VAENGINE_MODELS_URL a mirror"
    )
    return _host_check("hub", host, reached, forbidden_by, cure)


def sound_hub_check(host: str, reached: bool, *, forbidden_by: str | None = None) -> Check:
    """Whether the host of audio models answers."""
    cure = (
        "no models of sound can be fetched: preset embedded needs none, --models names a folder of them, "
        "HF_ENDPOINT a mirror"
    )
    return _host_check("sound hub", host, reached, forbidden_by, cure)


def _host_check(what: str, host: str, reached: bool, forbidden_by: str | None, cure: str) -> Check:
    if forbidden_by:
        return Check(what, "ok", f"{host} is not asked: {forbidden_by} is set")
    if reached:
        return Check(what, "ok", f"{host} answers")
    return Check(what, "warn", f"{host} does not answer in 2 s", cure)


def token_check(present: bool) -> Check:
    """Whether models behind terms can be fetched; the token itself is not shown."""
    if present:
        return Check("HF_TOKEN", "ok", "set: speakers can be told apart")
    return Check(
        "HF_TOKEN", "ok", f"not set: speakers are told apart only where their model is here ({TERMS})"
    )
