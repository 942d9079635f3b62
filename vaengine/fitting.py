"""Settings fitted to this machine: the preset resolved, its model file found or fetched, checked, and held to its digest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal

from schemas.errors import InvalidSetting, ModelError, UnsuitableWeights, WeightsMissing, WrongDigest
from schemas.model import ModelFile
from schemas.pipeline import PERSON
from schemas.settings import PersonSettings, Settings
from vaengine.configuration import Configuration, Layer, configured, layer
from vaengine.models import catalogue, weights
from vaengine.models.weights import OPENVINO_FOLDER
from vaengine.presets import NEURAL, Resolution, Surroundings, overlay, resolve

Runtime = Literal["torch", "onnx", "openvino"]
Fetch = Callable[[ModelFile], Path]

CHECKPOINT: Final = (".pt", ".pth")


@dataclass(frozen=True, slots=True)
class Workshop:
    """What models are fitted with: `folders` are looked through in turn, `fetch` gets what is in none of them (None: nothing is fetched).

    `cache` is where converted models are kept; `recorded_runtime` is what carried the model out in this store before.
    """

    folders: tuple[Path, ...]
    cache: Path
    around: Surroundings
    fetch: Fetch | None = None
    recorded_runtime: str | None = None


def fitted(told: Layer, pipelines: tuple[str, ...], workshop: Workshop) -> tuple[Configuration, Resolution]:
    """Settings from what the user told, with the preset and its model file beneath and around it.

    Raises a `UsageError` for anything that cannot be run: `WeightsMissing`, `UnsafePickle`, `WrongDigest`, `UnsuitableWeights`, ...
    """
    first = configured(told).settings
    check_decoder(first)
    resolution = resolve(first.preset, pipelines, workshop.around, weights=first.person.weights)
    beneath = layer(f"preset {resolution.preset}", _overlay(resolution.preset, first))
    settings = configured(beneath, told).settings
    if PERSON not in pipelines or settings.person.detector != "yolo":
        return configured(beneath, told), resolution
    found = layer("found", _bound(settings, resolution.preset, workshop))
    configuration = configured(beneath, told, found)
    return configuration, _with_model(resolution, configuration.settings.person)


def _overlay(preset: str, told: Settings) -> dict[str, Any]:
    """A preset's settings; its model file is the catalogue's, the one with key points where those are asked for."""
    if preset not in NEURAL:
        return overlay(preset)
    return {**overlay(preset), "person.weights": catalogue.needed(preset, "pose" if told.person.pose else "detect").name}


def _with_model(resolution: Resolution, person: PersonSettings) -> Resolution:
    model = f"{Path(person.weights or '').name} by {person.runtime}"
    reasons = {**resolution.reasons, PERSON: resolution.reasons[PERSON].replace("YOLO", model, 1)}
    return Resolution(resolution.asked, resolution.preset, resolution.presets, reasons)


def _bound(settings: Settings, preset: str, workshop: Workshop) -> Mapping[str, Any]:
    """The path, digest and runtime of the model file that the settings name."""
    person = settings.person
    if person.weights is None:
        raise InvalidSetting("person.weights", None, "detector yolo needs a model file")
    path = _path(person.weights, preset, workshop)
    if path is None:  # a dry run: what is not here yet counts by the digest it will have
        return {
            "person.weights_sha256": catalogue.MODELS[person.weights].sha256,
            "person.runtime": _runtime(Path(person.weights), person, workshop),
        }
    weights.refuse_unknown_pickle(path, allow_pickle=settings.models.allow_pickle)
    digest = weights.digest_of(path)
    if person.weights_sha256 not in (None, digest):
        raise WrongDigest(str(path), digest, person.weights_sha256)
    _refuse_without_points(path, person)
    return {
        "person.weights": str(path),
        "person.weights_sha256": digest,
        "person.runtime": _runtime(path, person, workshop),
        "models.cache": str(workshop.cache),
    }


def _path(named: str, preset: str, workshop: Workshop) -> Path | None:
    """Where the named file is, fetched if need be; None where it would have to be fetched and nothing is. Raises `WeightsMissing`."""
    model = catalogue.MODELS.get(named)
    if model is None:
        path = Path(named).expanduser().absolute()
        if not path.exists():
            raise WeightsMissing(preset, PERSON, f"there is no file {path}")
        return path
    found = weights.find(model, workshop.folders)
    if found is not None:
        weights.check(found, model)
        return found
    if workshop.fetch is None:
        return None
    try:
        return workshop.fetch(model)
    except ModelError as error:
        raise WeightsMissing(preset, PERSON, str(error)) from error


def _refuse_without_points(path: Path, person: PersonSettings) -> None:
    from vaengine.models.task import task_of

    if task_of(path) != "pose" and person.pose:
        raise UnsuitableWeights(str(path), "person.pose asks for key points and it has none")


def _runtime(path: Path, person: PersonSettings, workshop: Workshop) -> Runtime:
    """What carries a model out: its own kind's runtime; for a checkpoint torch on a GPU, onnxruntime on a processor (1.5 times as fast).

    Raises `InvalidSetting` where the runtime that was asked for cannot take the file.
    """
    able = runtimes_for(path)
    if person.runtime != "auto":
        if person.runtime not in able:
            raise InvalidSetting("person.runtime", person.runtime, f"{path.name} is carried out by {' or '.join(able)}")
        return person.runtime
    if workshop.recorded_runtime in able:
        return able[able.index(workshop.recorded_runtime)]
    return able[0] if workshop.around.gpu or len(able) == 1 else "onnx"


def check_decoder(settings: Settings) -> None:
    """Raises `InvalidSetting` where the decoder that was asked for is not installed."""
    if settings.decode.backend == "decord" and find_spec("decord") is None:
        raise InvalidSetting("decode.backend", "decord", "it is not installed: there are wheels for x86-64 Linux only; use pyav")


def check_models(settings: Settings, pipelines: tuple[str, ...]) -> None:
    """Before a run, a resumed one too: raises `WeightsMissing` or `WrongDigest` where the model file is no longer what it was."""
    person = settings.person
    if PERSON not in pipelines or person.detector != "yolo":
        return
    path = Path(person.weights or "")
    if not path.exists():
        raise WeightsMissing(settings.preset, PERSON, f"its weights {path} are not there any more")
    digest = weights.digest_of(path)
    if digest != person.weights_sha256:
        raise WrongDigest(str(path), digest, person.weights_sha256)


def runtimes_for(path: Path) -> tuple[Runtime, ...]:
    """Runtimes that can take a model file, the one for a GPU first."""
    if path.name.endswith(OPENVINO_FOLDER):
        return ("openvino",)
    return ("torch", "onnx") if path.suffix.lower() in CHECKPOINT else ("onnx",)
