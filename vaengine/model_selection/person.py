"""The model of persons: its file found or fetched, converted where that is faster, held to its digest,
and looked into.
"""

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

Runtime = Literal["torch", "onnx", "openvino"]

CHECKPOINT: Final = (".pt", ".pth")
HAS_NONE: Final = (
    "OpenCV's HOG has none: pip install 'vaengine[offline]', or name a neural preset, such as --preset fast"
)
DECIDING: Final = (
    "person.weights",
    "person.detector",
    "person.runtime",
)  # whoever sets one decides instead of `auto`


def task_asked(settings: Settings) -> Task:
    """What the preset's model has to do."""
    return "pose" if settings.person.pose else "detect"


def choose(settings: Settings, shop: ModelEnvironment, _named: bool) -> Decision:
    """Runtime and precision, and the model file by its name alone; raises `InvalidSetting`."""
    person = settings.person
    if person.detector != "yolo":
        return Decision({}, HOG, "HOG", is_weak=True)
    if person.weights is None:
        raise InvalidSetting("person.weights", None, "detector yolo needs a model file")
    path = Path(person.weights)
    runtime = _runtime(path, person, shop)
    on_gpu = runtime == "torch" and shop.around.gpu
    if person.precision == "half" and not on_gpu:
        raise InvalidSetting("person.precision", "half", "only torch on a GPU has it")
    precision = "single" if person.precision == "single" or not on_gpu else "half"
    return Decision(
        {"person.runtime": runtime, "person.precision": precision}, f"{path.name} by {runtime}", path.name
    )


def resolve(settings: Settings, order: ModelRequest) -> Mapping[str, Any]:
    """The model file that the settings name, its digest, and the file that workers will load."""
    person, named = settings.person, settings.person.weights or ""
    if person.detector != "yolo":
        return {}
    path = _path(named, order)
    if path is None:  # a dry run: what is not here yet counts by the digest it will have
        return {"person.weights_sha256": catalogue.MODELS[named].sha256}
    weights.refuse_unknown_pickle(path, allow_pickle=settings.models.allow_pickle)
    digest = digest_of(path)
    if person.weights_sha256 not in (None, digest):
        raise WrongDigest(str(path), digest, person.weights_sha256)
    network = path
    if person.runtime == "onnx" and path.suffix.lower() in CHECKPOINT and order.shop.fetch is not None:
        cache = Path(settings.models.cache) if settings.models.cache else order.shop.cache
        network = converted(path, digest, cache, looks=person.reid, before=order.begin)
    return {
        "person.weights": str(path),
        "person.weights_sha256": digest,
        "models.network": str(network),
        "models.network_sha256": digest_of(network),
    }


def _path(named: str, order: ModelRequest) -> Path | None:
    """Where the named file is, fetched if need be; None where it would have to be fetched and nothing is.

    Raises `ModelError`.
    """
    model = catalogue.MODELS.get(named)
    if model is None:
        path = absolute_path(named)
        if not path.exists():
            raise ModelError(
                f"person.weights={named}", f"there is no file {path}, and the catalogue has {_known()}"
            )
        return path
    return order.had(model)


def _known() -> str:
    return ", ".join(
        name for name, model in catalogue.MODELS.items() if catalogue.PIPELINES[model.task] == PERSON
    )


def load_once(settings: Settings) -> None:
    """Raises `InvalidSetting` or `UnsuitableWeights` for key points, embeddings or people that the
    detector does not have.
    """
    person = settings.person
    if person.reid and person.tracker != "botsort":
        raise InvalidSetting("person.reid", True, "looks are used by person.tracker=botsort only")
    if person.detector == "hog":
        for key in ("pose", "reid"):
            if getattr(person, key):
                raise InvalidSetting(f"person.{key}", True, HAS_NONE)
    elif settings.models.network:
        _look_into(settings, settings.models.network)


def _look_into(settings: Settings, network: str) -> None:
    """Load the network here, where its faults cost nothing yet; a checkpoint is only asked for its task,
    which runs nothing in it.
    """
    person = settings.person
    if Path(network).suffix.lower() in CHECKPOINT:
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


def _runtime(path: Path, person: PersonSettings, shop: ModelEnvironment) -> Runtime:
    """What carries a model out: its own kind's runtime; for a checkpoint torch on a GPU, onnxruntime on a
    processor, where it is faster.

    Raises `InvalidSetting` where the runtime that was asked for cannot take the file.
    """
    able = runtimes_for(path)
    if person.runtime != "auto":
        if person.runtime not in able:
            raise InvalidSetting(
                "person.runtime", person.runtime, f"{path.name} is carried out by {' or '.join(able)}"
            )
        return person.runtime
    recorded = shop.recorded(runtime_key(PERSON))
    if recorded in able:
        return able[able.index(recorded)]
    return able[0] if shop.around.gpu or len(able) == 1 else "onnx"


def runtimes_for(path: Path) -> tuple[Runtime, ...]:
    """Runtimes that can take a model file, the one for a GPU first."""
    if path.name.endswith(OPENVINO_FOLDER):
        return ("openvino",)
    return ("torch", "onnx") if path.suffix.lower() in CHECKPOINT else ("onnx",)


def verify(settings: Settings) -> None:
    """Before a run, a resumed one too: the file is what it was, and may be loaded.

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
    """Name and digest of the model file, None where there is none."""
    person = settings.person
    if person.detector != "yolo" or person.weights is None:
        return None
    return {"file": Path(person.weights).name, "sha256": person.weights_sha256}


def record(settings: Settings) -> Mapping[str, str]:
    """What a store keeps of what was decided, by meta key."""
    return {runtime_key(PERSON): settings.person.runtime} if settings.person.detector == "yolo" else {}
