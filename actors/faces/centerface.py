"""Detects faces with CenterFace, a small network.

It scores each place of a picture as the middle of a face. Source: Xu et al., CenterFace: Joint Face
Detection and Alignment Using Face as Point, 2019.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from actors.faces.model_pack import FaceModel, parsed
from actors.faces.onnx_session import FaceNetwork
from actors.faces.scrfd import POINTS
from actors.model_files.files import sound_bytes
from actors.persons.yolo_output import kept
from actors.vision.boxes import strongest_first
from actors.vision.letterbox import Letterbox
from actors.vision.microbatch import MicroBatch
from schemas.errors import UnsuitableWeights
from schemas.inference.detections import Detections
from schemas.media.frames import Floats32, Pixels
from schemas.settings.settings import FaceSettings

STRIDE: Final = 4  # Pixels from one place to the next.
INPUT_MULTIPLE: Final = 32  # Both sides of a picture given to the network are multiples of it.
# Of the outputs: score; log of height and width in strides; shift down and right; points, y first.
CHANNELS: Final = (
    1,
    2,
    2,
    2 * POINTS,
)
MAX_CANDIDATES: Final = 3000  # Suppression looks at the strongest candidates of a picture.


class CenterFace:
    """A `Detector` that gives boxes with five key points, and no embeddings.

    Without embeddings faces get no identities. Key points are ordered as in `FaceDetector`. On the
    processor one picture runs at a time, each letterboxed by its own size, so that its faces depend on
    nothing else.
    """

    def __init__(self, network: FaceNetwork, settings: FaceSettings) -> None:
        self._network, self._settings = network, settings
        self._micro = MicroBatch(network.batch)
        self.batch_size = network.batch

    def bucket(self, height: int, width: int) -> tuple[int, int]:
        return self._letterbox(height, width).outer

    def detect(self, pictures: Sequence[Pixels]) -> list[Detections]:
        """Faces in each H x W x 3 uint8 RGB picture of one bucket, the most confident first."""
        letterboxes = [self._letterbox(*picture.shape[:2]) for picture in pictures]
        framed = np.stack(
            [letterbox.placed(picture) for letterbox, picture in zip(letterboxes, pictures, strict=True)]
        )
        detections = self._micro.run(self._faces, framed, out_of_memory=MemoryError)
        return [letterbox.undone(faces) for letterbox, faces in zip(letterboxes, detections, strict=True)]

    def _letterbox(self, height: int, width: int) -> Letterbox:
        longer = self._settings.detect_pixels
        return Letterbox.cornered(height, width, (longer, longer), INPUT_MULTIPLE)

    def _faces(self, framed: Pixels) -> list[Detections]:
        outputs = self._network.outputs(self._network.tensor(list(framed)))
        return [self._suppressed(faces) for faces in candidates(outputs, self._settings.min_confidence)]

    def _suppressed(self, detections: Detections) -> Detections:
        """Faces after hard non-maximum suppression, the most confident first."""
        detections = detections.chosen(
            strongest_first(detections.xyxy, detections.confidence)[:MAX_CANDIDATES]
        )
        return detections.chosen(kept(detections.xyxy, self._settings.nms_iou))


def candidates(outputs: Sequence[Floats32], least: float) -> list[Detections]:
    """Places of each of B pictures that score `least` or more, as faces in pixels of the letterbox.

    Faces may reach beyond its borders. `outputs` are B x `CHANNELS` x H/4 x W/4: scores; natural logarithms
    of height and width, in strides; how far below and right of the place's corner the middle lies, in
    strides; key points from the box's top left corner, in its heights and widths.
    """
    scores, sizes, shifts, points = outputs
    return [
        _picture_candidates(*maps, least) for maps in zip(scores[:, 0], sizes, shifts, points, strict=True)
    ]


def _picture_candidates(
    score: Floats32, size: Floats32, shift: Floats32, point: Floats32, least: float
) -> Detections:
    row, column = np.nonzero(score >= least)
    place = np.stack([row, column], axis=1)
    extent = np.exp(size[:, row, column].T.astype(np.float64)) * STRIDE
    middle = (place + shift[:, row, column].T + 0.5) * STRIDE
    corner = middle - extent / 2
    key_points = corner[:, None] + point[:, row, column].T.reshape(-1, POINTS, 2) * extent[:, None]
    # Rows come before columns in the network, x before y here.
    boxes = np.hstack([corner[:, ::-1], (corner + extent)[:, ::-1]])
    point_scores = np.ones((len(place), POINTS, 1))
    return Detections(
        boxes, score[row, column].astype(np.float64), np.dstack([key_points[..., ::-1], point_scores])
    )


def center_face(face: FaceSettings, *, threads: int = 1, batch: int | None = None) -> CenterFace:
    """The detector of resolved settings: `face.pack` is its file.

    Raises `UnsuitableWeights`, `WrongDigest`, `DamagedWeights`.
    """
    if face.pack is None:
        raise UnsuitableWeights("face.detector=centerface", "no file has been settled on")
    return CenterFace(
        FaceNetwork(face_model(face.pack, face.pack_sha256), face.device, threads=threads, batch=batch), face
    )


def face_model(path: str, sha256: str | None) -> FaceModel:
    """The network in a file, made to take any number of pictures of any size.

    Raises `UnsuitableWeights`, `WrongDigest`, `DamagedWeights`.
    """
    model = parsed(path, sound_bytes(path, sha256))
    weights = {weight.name for weight in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    channels = tuple(
        value.type.tensor_type.shape.dim[1].dim_value
        for value in model.graph.output
        if value.type.tensor_type.shape.dim
    )
    if len(inputs) < 1 or channels != CHANNELS:
        raise UnsuitableWeights(path, f"its outputs have {channels} channels, those of CenterFace {CHANNELS}")
    _free_sides(inputs[0], (0, 2, 3))
    for output in model.graph.output:
        _free_sides(output, (0, 2, 3))
    return FaceModel(path, model.SerializeToString(), side=0, mean=0.0, std=1.0)


def _free_sides(value: Any, sides: Sequence[int]) -> None:
    for side in sides:
        value.type.tensor_type.shape.dim[side].dim_param = f"{value.name}_{side}"
