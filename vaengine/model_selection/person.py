"""The model of person tracking: its file located, converted where that is faster, checked and inspected."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from actors.model_files.files import OPENVINO_FOLDER, digest_of
from schemas.errors import InvalidSetting, ModelError, UnsuitableWeights, WrongDigest
from schemas.paths import absolute_path
from schemas.pipelines import PERSON
from schemas.settings.models import Task
from schemas.settings.settings import PersonSettings, Settings
from vaengine.model_selection.environment import Decision, ModelEnvironment, ModelRequest, runtime_key
from vaengine.model_selection.presets import HOG
from vaengine.models import catalogue, weights
from vaengine.models.conversion import converted
from vaengine.models.task import task_of
from vaengine.models.trained import find_trained

Runtime = Literal["torch", "onnx", "openvino"]

CHECKPOINT_SUFFIXES: Final = (".pt", ".pth")
HOG_HAS_NONE: Final = (
    "OpenCV's HOG has none: pip install 'vaengine[offline]', or name a neural preset, such as --preset fast"
)
# A user who sets one of these decides instead of `auto`.
DECIDING: Final = ("person.weights", "person.detector", "person.runtime")


def task_asked(settings: Settings) -> Task:
    """The task that the preset's model must have."""
    return "pose" if settings.person.pose else "detect"


def choose(settings: Settings, environment: ModelEnvironment, _named: bool) -> Decision:
    """Choose runtime, precision and the name of the model file; raises `InvalidSetting`."""
    person = settings.person
    if person.detector != "yolo":
        return Decision({}, HOG, "HOG", is_weak=True)
    if person.weights is None:
        raise InvalidSetting("person.weights", None, "detector yolo needs a model file")
    path = Path(person.weights)
    runtime = _runtime(path, person, environment)
    on_gpu = runtime == "torch" and environment.machine.gpu
    if person.precision == "half" and not on_gpu:
        raise InvalidSetting("person.precision", "half", "only torch on a GPU has it")
    precision = "single" if person.precision == "single" or not on_gpu else "half"
    return Decision(
        {"person.runtime": runtime, "person.precision": precision}, f"{path.name} by {runtime}", path.name
    )


def resolve(settings: Settings, request: ModelRequest) -> Mapping[str, Any]:
    """Locate the model file that the settings name, compute its digest, and prepare the file for workers."""
    person, named = settings.person, settings.person.weights or ""
    if person.detector != "yolo":
        return {}
    path = _path(named, request)
    if path is None:  # a dry run: what is not here yet counts by the digest it will have
        return {"person.weights_sha256": catalogue.MODELS[named].sha256}
    weights.refuse_unknown_pickle(path, allow_pickle=settings.models.allow_pickle)
    digest = digest_of(path)
    if person.weights_sha256 not in (None, digest):
        raise WrongDigest(str(path), digest, person.weights_sha256)
    network = path
    if (
        person.runtime == "onnx"
        and path.suffix.lower() in CHECKPOINT_SUFFIXES
        and request.environment.fetch is not None
    ):
        cache = Path(settings.models.cache) if settings.models.cache else request.environment.cache
        network = converted(path, digest, cache, looks=person.reid, before=request.begin)
    return {
        "person.weights": str(path),
        "person.weights_sha256": digest,
        "models.network": str(network),
        "models.network_sha256": digest_of(network),
    }


def _path(named: str, request: ModelRequest) -> Path | None:
    """Path of the named file, fetched if need be.

    None where it would have to be fetched and fetching is off. Raises `ModelError`.
    """
    model = catalogue.MODELS.get(named)
    if model is None:
        if trained := find_trained(named, request.environment.folders):
            return trained.path
        path = absolute_path(named)
        if not path.exists():
            raise ModelError(
                f"person.weights={named}", f"there is no file {path}, and the catalogue has {_known_models()}"
            )
        return path
    return request.ensure(model)


def _known_models() -> str:
    return ", ".join(
        name for name, model in catalogue.MODELS.items() if catalogue.PIPELINES[model.task] == PERSON
    )


def load_once(settings: Settings) -> None:
    """Check that the detector has what the settings require: key points, embeddings, the class of persons.

    Raises `InvalidSetting` or `UnsuitableWeights`.
    """
    person = settings.person
    if person.reid and person.tracker != "botsort":
        raise InvalidSetting("person.reid", True, "looks are used by person.tracker=botsort only")
    if person.detector == "hog":
        for key in ("pose", "reid"):
            if getattr(person, key):
                raise InvalidSetting(f"person.{key}", True, HOG_HAS_NONE)
    elif settings.models.network:
        _look_into(settings, settings.models.network)


def _look_into(settings: Settings, network: str) -> None:
    """Inspect the network before the run, so that its faults show early.

    A checkpoint is read for its task only, which executes nothing in it.
    """
    person = settings.person
    if Path(network).suffix.lower() in CHECKPOINT_SUFFIXES:
        has_points, has_looks = task_of(Path(network)) == "pose", True
    else:
        from actors.persons.yolo import runtime_of

        layout = runtime_of(settings).layout
        has_points, has_looks = layout.keypoints > 0, layout.has_embeddings
    if person.pose and not has_points:
        raise UnsuitableWeights(person.weights or network, "person.pose asks for key points and it has none")
    if person.reid and not has_looks:
        raise UnsuitableWeights(
            person.weights or network, "person.reid asks for embeddings: only a .pt file gives them"
        )


def _runtime(path: Path, person: PersonSettings, environment: ModelEnvironment) -> Runtime:
    """The runtime of a model file: for a checkpoint torch on a GPU, onnxruntime on a processor.

    onnxruntime is the faster one there. Raises `InvalidSetting` where the requested runtime cannot load the
    file.
    """
    runtimes = runtimes_for(path)
    if person.runtime != "auto":
        if person.runtime not in runtimes:
            raise InvalidSetting(
                "person.runtime", person.runtime, f"{path.name} is carried out by {' or '.join(runtimes)}"
            )
        return person.runtime
    recorded = environment.recorded(runtime_key(PERSON))
    if recorded in runtimes:
        return runtimes[runtimes.index(recorded)]
    return runtimes[0] if environment.machine.gpu or len(runtimes) == 1 else "onnx"


def runtimes_for(path: Path) -> tuple[Runtime, ...]:
    """Runtimes that can load a model file, the one for a GPU first."""
    if path.name.endswith(OPENVINO_FOLDER):
        return ("openvino",)
    return ("torch", "onnx") if path.suffix.lower() in CHECKPOINT_SUFFIXES else ("onnx",)


def verify(settings: Settings) -> None:
    """Check before a run, also a resumed one, that the file is unchanged and may be loaded.

    Raises `ModelError`, `WrongDigest`, `UnsafePickle`.
    """
    person, models = settings.person, settings.models
    if person.detector != "yolo":
        return
    for named, expected in ((person.weights, person.weights_sha256), (models.network, models.network_sha256)):
        path = Path(named or "")
        if not path.exists():
            cure = (
                "put it back, or run the original command again with --set person.weights=PATH: it does "
                "only what is missing"
            )
            raise ModelError(
                str(path),
                f"the model file that this batch was begun with (sha256 {expected}) is not there any more; "
                f"{cure}",
            )
        digest = digest_of(path)
        if digest != expected:
            raise WrongDigest(str(path), digest, expected)
    weights.refuse_unknown_pickle(Path(person.weights or ""), allow_pickle=models.allow_pickle)


def describe(settings: Settings) -> dict[str, str | None] | None:
    """Name and digest of the model file; None where there is none."""
    person = settings.person
    if person.detector != "yolo" or person.weights is None:
        return None
    return {"file": Path(person.weights).name, "sha256": person.weights_sha256}


def record(settings: Settings) -> Mapping[str, str]:
    """What a store keeps of the decision, by meta key."""
    return {runtime_key(PERSON): settings.person.runtime} if settings.person.detector == "yolo" else {}
