"""Settings fitted to this machine: the preset resolved, its model file found or fetched, checked, and held to its digest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal

from actors.modelfile import OPENVINO_FOLDER, digest_of
from schemas.errors import InvalidSetting, ModelError, UnsuitableWeights, WeightsMissing, WrongDigest
from schemas.model import ModelFile, Task
from schemas.pipeline import PERSON
from schemas.settings import PersonSettings, Settings
from vaengine.configuration import Configuration, Layer, configured, layer
from vaengine.models import catalogue, weights
from vaengine.models.conversion import converted
from vaengine.models.task import task_of
from vaengine.presets import AUTO, NEURAL, Resolution, Surroundings, overlay, resolve

Runtime = Literal["torch", "onnx", "openvino"]
Fetch = Callable[[ModelFile, Callable[[], None]], Path]  # the second is called once the file begins to come

CHECKPOINT: Final = (".pt", ".pth")
DECIDING: Final = ("person.weights", "person.detector", "person.runtime")  # whoever sets one decides instead of `auto`


@dataclass(frozen=True, slots=True)
class Workshop:
    """What models are fitted with: `folders` are looked through in turn, `fetch` gets what is in none of them (None: nothing is fetched).

    `cache` is where converted models are kept; `recorded_runtime` is what carried the model out in this store before; `announce` is told
    what the preset came to before anything that takes long.
    """

    folders: tuple[Path, ...]
    cache: Path
    around: Surroundings
    fetch: Fetch | None = None
    recorded_runtime: str | None = None
    announce: Callable[[str], None] = lambda line: None


def fitted(told: Layer, pipelines: tuple[str, ...], workshop: Workshop) -> tuple[Configuration, Resolution]:
    """Settings from what the user told, with the preset and its model file beneath and around it.

    Raises a `UsageError` for anything that cannot be run: `WeightsMissing`, `UnsafePickle`, `WrongDigest`, `UnsuitableWeights`, ...
    """
    first = configured(told).settings
    check_decoder(first)
    resolution = resolve(first.preset, pipelines, workshop.around, weights=first.person.weights)
    beneath = layer(f"preset {resolution.preset}", _overlay(resolution.preset, first))
    configuration = configured(beneath, told)
    if PERSON not in pipelines:
        return configuration, resolution
    person = configuration.settings.person
    if person.detector == "yolo":
        resolution = replace(resolution, what={**resolution.what, PERSON: _model(person, workshop)})
        found = layer("found", _bound(configuration.settings, resolution, workshop))
        configuration = configured(beneath, told, found)
    _refuse_what_is_not_there(configuration.settings)
    return configuration, replace(resolution, record=_record(told, resolution, configuration.settings.person))


def _model(person: PersonSettings, workshop: Workshop) -> str:
    """The model file and what carries it out, by its name alone."""
    if person.weights is None:
        raise InvalidSetting("person.weights", None, "detector yolo needs a model file")
    path = Path(person.weights)
    return f"{path.name} by {_carried(path, person, workshop)['person.runtime']}"


def _record(told: Layer, resolution: Resolution, person: PersonSettings) -> Mapping[str, str]:
    """What `auto` came to by itself, to be decided once for a store; nothing where the user had a say in it."""
    if resolution.asked != AUTO or any(key in told for key in DECIDING):
        return {}
    presets = {preset_key(pipeline): preset for pipeline, preset in resolution.presets.items()}
    return {**presets, runtime_key(PERSON): person.runtime} if person.detector == "yolo" else presets


def preset_key(pipeline: str) -> str:
    """Under which a store keeps what `auto` came to."""
    return f"preset.{pipeline}"


def runtime_key(pipeline: str) -> str:
    """Under which a store keeps what carries the model out."""
    return f"runtime.{pipeline}"


def _overlay(preset: str, told: Settings) -> dict[str, Any]:
    """A preset's settings; its model file is the catalogue's, the one with key points where those are asked for."""
    if preset not in NEURAL:
        return overlay(preset)
    return {**overlay(preset), "person.weights": catalogue.needed(preset, task_asked(told)).name}


def task_asked(told: Settings) -> Task:
    """What the preset's model has to do."""
    return "pose" if told.person.pose else "detect"


def _bound(settings: Settings, resolution: Resolution, workshop: Workshop) -> Mapping[str, Any]:
    """The model file that the settings name, its digest, what carries it out, and the file that workers will load."""
    person, named = settings.person, settings.person.weights or ""
    path = _path(named, resolution, workshop)
    if path is None:  # a dry run: what is not here yet counts by the digest it will have
        return {"person.weights_sha256": catalogue.MODELS[named].sha256, **_carried(Path(named), person, workshop)}
    weights.refuse_unknown_pickle(path, allow_pickle=settings.models.allow_pickle)
    digest = digest_of(path)
    if person.weights_sha256 not in (None, digest):
        raise WrongDigest(str(path), digest, person.weights_sha256)
    carried = _carried(path, person, workshop)
    network = path
    if carried["person.runtime"] == "onnx" and path.suffix.lower() in CHECKPOINT and workshop.fetch is not None:
        cache = Path(settings.models.cache) if settings.models.cache else workshop.cache
        network = converted(path, digest, cache, looks=person.reid, before=lambda: workshop.announce(resolution.line))
    return {
        "person.weights": str(path),
        "person.weights_sha256": digest,
        **carried,
        "models.network": str(network),
        "models.network_sha256": digest_of(network),
    }


def _carried(path: Path, person: PersonSettings, workshop: Workshop) -> dict[str, str]:
    """Runtime and precision; raises `InvalidSetting` for half precision where nothing can have it."""
    runtime = _runtime(path, person, workshop)
    on_gpu = runtime == "torch" and workshop.around.gpu
    if person.precision == "half" and not on_gpu:
        raise InvalidSetting("person.precision", "half", "only torch on a GPU has it")
    return {"person.runtime": runtime, "person.precision": "single" if person.precision == "single" or not on_gpu else "half"}


def _path(named: str, resolution: Resolution, workshop: Workshop) -> Path | None:
    """Where the named file is, fetched if need be; None where it would have to be fetched and nothing is. Raises `ModelError`."""
    model = catalogue.MODELS.get(named)
    if model is None:
        path = Path(named).expanduser().absolute()
        if not path.exists():
            raise ModelError(f"person.weights={named}", f"there is no file {path}, and the catalogue has {', '.join(catalogue.MODELS)}")
        return path
    found = weights.find(model, workshop.folders)
    if found is not None:
        weights.check(found, model)
        return found
    if workshop.fetch is None:
        return None
    try:
        return workshop.fetch(model, lambda: workshop.announce(resolution.line))
    except ModelError as error:
        if resolution.asked == AUTO:  # it was decided when the store was begun, or weights could be fetched a moment ago
            raise
        raise WeightsMissing(resolution.preset, PERSON, str(error)) from error


def _refuse_what_is_not_there(settings: Settings) -> None:
    """Raises `InvalidSetting` or `UnsuitableWeights` for key points, embeddings or people that the detector does not have."""
    person = settings.person
    if person.reid and person.tracker != "botsort":
        raise InvalidSetting("person.reid", True, "looks are used by person.tracker=botsort only")
    if person.detector == "hog":
        for key in ("pose", "reid"):
            if getattr(person, key):
                raise InvalidSetting(f"person.{key}", True, "preset embedded has none; name a neural preset, such as --preset fast")
    elif settings.models.network:
        _look_into(settings, settings.models.network)


def _look_into(settings: Settings, network: str) -> None:
    """Load the network here, where its faults cost nothing yet; a checkpoint is only asked for its task, which runs nothing in it."""
    person = settings.person
    if Path(network).suffix.lower() in CHECKPOINT:
        has_points, has_looks = task_of(Path(network)) == "pose", True
    else:
        from actors.yolo import network_of

        anatomy = network_of(settings).anatomy
        has_points, has_looks = anatomy.keypoints > 0, anatomy.looks
    if person.pose and not has_points:
        raise UnsuitableWeights(person.weights or network, "person.pose asks for key points and it has none")
    if person.reid and not has_looks:
        raise UnsuitableWeights(person.weights or network, "person.reid asks for embeddings: only a .pt file gives them")


def _runtime(path: Path, person: PersonSettings, workshop: Workshop) -> Runtime:
    """What carries a model out: its own kind's runtime; for a checkpoint torch on a GPU, onnxruntime on a processor, where it is faster.

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
    """Before a run, a resumed one too: the model files are what they were, and may be loaded.

    Raises `ModelError`, `WrongDigest` or `UnsafePickle`.
    """
    person, models = settings.person, settings.models
    if PERSON not in pipelines or person.detector != "yolo":
        return
    for named, expected in ((person.weights, person.weights_sha256), (models.network, models.network_sha256)):
        path = Path(named or "")
        if not path.exists():
            cure = "put it back, or run the original command again with --set person.weights=PATH: it does only what is missing"
            raise ModelError(str(path), f"the model file that this batch was begun with (sha256 {expected}) is not there any more; {cure}")
        digest = digest_of(path)
        if digest != expected:
            raise WrongDigest(str(path), digest, expected)
    weights.refuse_unknown_pickle(Path(person.weights or ""), allow_pickle=models.allow_pickle)


def runtimes_for(path: Path) -> tuple[Runtime, ...]:
    """Runtimes that can take a model file, the one for a GPU first."""
    if path.name.endswith(OPENVINO_FOLDER):
        return ("openvino",)
    return ("torch", "onnx") if path.suffix.lower() in CHECKPOINT else ("onnx",)
