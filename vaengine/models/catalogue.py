"""The model files that presets name, each with the digest and size under which it was published.

Every digest and size was found alike in at least two public projects that pin these files (manifests, checksum tables, Git LFS pointers).
An entry without a digest is trusted on first use.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from schemas.errors import UnknownModel
from schemas.model import ModelFile, Task

RELEASE: Final = "https://github.com/ultralytics/assets/releases/download/v8.3.0"
LICENCE: Final = "AGPL-3.0"


def _yolo(name: str, task: Task, size_bytes: int, sha256: str, what: str) -> ModelFile:
    return ModelFile(name, f"{RELEASE}/{name}", sha256, size_bytes, LICENCE, task, what)


MODELS: Final[Mapping[str, ModelFile]] = {
    model.name: model
    for model in (
        _yolo(
            "yolo11n.pt",
            "detect",
            5_613_764,
            "0ebbc80d4a7680d14987a577cd21342b65ecfd94632bd9a8da63ae6417644ee1",
            "YOLO11 nano: boxes of the 80 COCO classes",
        ),
        _yolo(
            "yolo11m.pt",
            "detect",
            40_684_120,
            "d5ffc1a674953a08e11a8d21e022781b1b23a19b730afc309290bd9fb5305b95",
            "YOLO11 medium: boxes of the 80 COCO classes",
        ),
        _yolo(
            "yolo11x.pt",
            "detect",
            114_636_239,
            "7bc158aa95c0ebfdd87f70f01653c1131b93e92522dbe15c228bcd742e773a24",
            "YOLO11 extra large: boxes of the 80 COCO classes",
        ),
        _yolo(
            "yolo11n-pose.pt",
            "pose",
            6_255_593,
            "869e83fcdffdc7371fa4e34cd8e51c838cc729571d1635e5141e3075e9319dc0",
            "YOLO11 nano: persons and their 17 COCO key points",
        ),
        _yolo(
            "yolo11m-pose.pt",
            "pose",
            42_459_307,
            "29b17eaf3a3117cbea906090dbedf9159f7c6a49db58ec8b99ed2dfde1cf6eb2",
            "YOLO11 medium: persons and their 17 COCO key points",
        ),
        _yolo(
            "yolo11x-pose.pt",
            "pose",
            118_481_010,
            "013c43543b0751b8918486ba96e01ee44a59040683a07f96cc22bcc2cb7785f8",
            "YOLO11 extra large: persons and their 17 COCO key points",
        ),
    )
}

# What a preset loads, by task; `pose` only where person.pose asks for key points.
PRESET_FILES: Final[Mapping[str, Mapping[Task, str]]] = {
    "fast": {"detect": "yolo11n.pt", "pose": "yolo11n-pose.pt"},
    "balanced": {"detect": "yolo11m.pt", "pose": "yolo11m-pose.pt"},
    "high-quality": {"detect": "yolo11x.pt", "pose": "yolo11x-pose.pt"},
}


def needed(preset: str, task: Task = "detect") -> ModelFile:
    """The file that a neural preset loads for `task`; raises `KeyError` for a preset without weights."""
    return MODELS[PRESET_FILES[preset][task]]


def presets_of(model: ModelFile) -> tuple[str, ...]:
    """The presets that load a file, smallest first."""
    return tuple(preset for preset, files in PRESET_FILES.items() if model.name in files.values())


def meant(names: Iterable[str]) -> tuple[ModelFile, ...]:
    """Files by preset or file name, each once, in the order named; a preset means its detector. Raises `UnknownModel`."""
    return tuple(dict.fromkeys(_meant(name) for name in names))


def _meant(name: str) -> ModelFile:
    if name in PRESET_FILES:
        return needed(name)
    for known in (name, f"{name}.pt"):
        if known in MODELS:
            return MODELS[known]
    from vaengine.configuration import nearest

    raise UnknownModel(name, nearest(name, [*PRESET_FILES, *MODELS]))
