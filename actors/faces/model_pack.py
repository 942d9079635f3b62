"""Loads a pack of InsightFace: a folder of ONNX models, recognised by their inputs and outputs.

A model is loaded from the very bytes whose digest was checked.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from actors.model_files.files import digest_of, sound_bytes
from schemas.errors import DamagedWeights, UnsuitablePack, WrongDigest
from schemas.settings.models import digest_of_parts

DETECTION, RECOGNITION, GENDER_AGE, LANDMARKS = "detection", "recognition", "genderage", "landmark_3d_68"
DETECTOR_OUTPUTS: Final = (9, 15)  # three or five levels, each with scores, boxes and key points
POINTLESS_OUTPUTS: Final = (6, 10)  # the same without key points
LANDMARK_SIDE, ATTRIBUTE_SIDE, RECOGNITION_SIDE = 192, 96, 112  # pixels; of faces to be recognised at least
# 1103 points in space, the last 68 of which are the usual ones; the flat 106 have 212 numbers.
LANDMARK_NUMBERS: Final = 3309
ATTRIBUTE_NUMBERS: Final = 3  # female, male, age
# Among so many first nodes a network normalises pixels itself, if it does.
NAMED_NODES: Final = 8
# Orders in which heads of a detector lay out B x C x H x W.
SPATIAL_FIRST, BATCH_FIRST = [2, 3, 0, 1], [0, 2, 3, 1]
MODEL_FILES: Final = "*.onnx"


@dataclass(frozen=True, slots=True)
class FaceModel:
    """One model of a pack, as the bytes of an ONNX graph that takes any number of pictures.

    `side` is the side of its square input in pixels, 0 where any size goes. Its input is (pixel - `mean`) /
    `std`, B x 3 x H x W float32 RGB.
    """

    path: str
    data: bytes = field(repr=False)
    side: int
    mean: float
    std: float


@dataclass(frozen=True, slots=True)
class FacePack:
    """The models of a pack that are used; only the detector must be there."""

    detection: FaceModel
    recognition: FaceModel | None = None
    gender_age: FaceModel | None = None
    landmarks: FaceModel | None = None

    @classmethod
    def of(cls, folder: str | Path, sha256: str | None) -> FacePack:
        """The pack in a folder, checked against its digest.

        Of two models for one part the first by name counts, as in InsightFace. Raises `WrongDigest`,
        `DamagedWeights`, `UnsuitablePack`.
        """
        models: dict[str, FaceModel] = {}
        digests: dict[str, str] = {}
        for path in model_files(Path(folder)):
            data = sound_bytes(str(path), None)
            digests[path.name] = hashlib.sha256(data).hexdigest()
            graph = parsed(str(path), data)
            part, side = _part(str(path), graph.graph)
            if part and part not in models:
                models[part] = FaceModel(
                    str(path), _free_batch(graph, part), side, *_normalisation(graph.graph, part)
                )
        total = digest_of_parts(digests.items())
        if sha256 not in (None, total):
            raise WrongDigest(str(folder), total, sha256)
        if DETECTION not in models:
            raise UnsuitablePack(str(folder), "none of its models detects faces")
        return cls(models[DETECTION], models.get(RECOGNITION), models.get(GENDER_AGE), models.get(LANDMARKS))


def pack_digest(folder: Path) -> str:
    """sha256 (hex) of the sorted names and the contents of a pack's `.onnx` files.

    Raises `DamagedWeights`.
    """
    return digest_of_parts((path.name, digest_of(path)) for path in model_files(folder))


def model_files(folder: Path) -> list[Path]:
    """The models of a pack, sorted by name; raises `DamagedWeights` where there are none."""
    paths = sorted(path for path in folder.glob(MODEL_FILES) if path.is_file())
    if not paths:
        raise DamagedWeights(str(folder), f"a pack of face models is a folder with {MODEL_FILES} files in it")
    return paths


def parsed(path: str, data: bytes) -> Any:
    """The ONNX model in a file's content; raises `DamagedWeights`."""
    import onnx

    try:
        return onnx.load_model_from_string(data)
    except Exception as error:  # protobuf's errors have no common base class
        raise DamagedWeights(path, f"onnx cannot read it ({type(error).__name__})") from error


def _part(path: str, graph: Any) -> tuple[str, int]:
    """The part of a model ("" for none that is used), and the side of its input (0: free or not square).

    Source: InsightFace's `ModelRouter`, which also goes by the number of outputs and the size of the input.
    """
    inputs, outputs = _shapes(_real_inputs(graph)), _shapes(graph.output)
    if not inputs or len(inputs[0]) != 4:
        return "", 0
    height, width = inputs[0][2:]
    side = height if height == width else 0
    if len(outputs) in POINTLESS_OUTPUTS:
        raise UnsuitablePack(path, "it detects faces without the five key points that they are aligned by")
    if len(outputs) in DETECTOR_OUTPUTS:
        return DETECTION, side
    numbers = outputs[0][1] if len(outputs) == 1 and len(outputs[0]) > 1 else 0
    if side == LANDMARK_SIDE:
        return LANDMARKS if numbers == LANDMARK_NUMBERS else "", side
    if side == ATTRIBUTE_SIDE:
        return GENDER_AGE if numbers == ATTRIBUTE_NUMBERS else "", side
    recognises = side >= RECOGNITION_SIDE and side % 16 == 0 and len(inputs) == len(outputs) == 1
    return RECOGNITION if recognises else "", side


def _real_inputs(graph: Any) -> list[Any]:
    """The inputs of a graph without its weights; old exports list their weights among the inputs."""
    weights = {weight.name for weight in graph.initializer}
    return [value for value in graph.input if value.name not in weights]


def _shapes(values: Any) -> list[tuple[int, ...]]:
    """Sides of tensors, 0 where they are free."""
    return [tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim) for value in values]


def _normalisation(graph: Any, part: str) -> tuple[float, float]:
    """Mean and deviation for a model's pixels; 0 and 1 where the model normalises them itself.

    MXNet's exports do, in nodes of these names. Source: InsightFace's `ArcFaceONNX`, `Attribute`,
    `Landmark` and `SCRFD`.
    """
    names = [node.name for node in graph.node[:NAMED_NODES]]
    normalises_itself = all(
        any(name.startswith(kinds) for name in names) for kinds in (("Sub", "_minus"), ("Mul", "_mul"))
    )
    if part != DETECTION and (normalises_itself or (part != RECOGNITION and "bn_data" in names[:3])):
        return 0.0, 1.0
    return 127.5, 127.5 if part == RECOGNITION else 128.0


def _free_batch(model: Any, part: str) -> bytes:
    """The model made to take any number of pictures at once.

    Detectors as shipped put the rows of all pictures of one place together; here the rows of one picture
    follow each other. For one picture both are the same.
    """
    graph = model.graph
    _real_inputs(graph)[0].type.tensor_type.shape.dim[0].dim_param = "batch"
    for output in graph.output:
        output.type.tensor_type.ClearField("shape")
    del graph.value_info[:]  # shapes noted for one picture
    for order in (
        attribute for node in graph.node if node.op_type == "Transpose" for attribute in node.attribute
    ):
        if part == DETECTION and list(order.ints) == SPATIAL_FIRST:
            order.ints[:] = BATCH_FIRST
    return bytes(model.SerializeToString())
