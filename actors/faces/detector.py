"""Detects and describes faces with the models that the settings name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from schemas.errors import UnsuitablePack
from schemas.inference.detections import Detections
from schemas.inference.detector import Detector
from schemas.media.frames import Floats, Pixels
from schemas.settings.settings import FaceSettings, Settings

if TYPE_CHECKING:
    from actors.faces.attributes import FaceEmbedder, GenderAge, HeadPose
    from actors.faces.scrfd import Scrfd

TRAITS: Final = ("age", "male", "pitch", "yaw", "roll")  # years, 0 or 1, degrees


class FaceDetector:
    """A `Detector` with a pack of InsightFace: boxes, key points, embeddings and traits.

    The five key points are the left eye as seen in the picture, the right one, the nose, the left and the
    right corner of the mouth. `embeddings` have length 1. `traits` have the columns of `TRAITS`, NaN where
    the pack has no model for them, and no columns where the pack has no such model at all.
    """

    def __init__(
        self,
        scrfd: Scrfd,
        embedder: FaceEmbedder | None = None,
        describers: Sequence[GenderAge | HeadPose] = (),
    ) -> None:
        self._scrfd, self._embedder, self._describers = scrfd, embedder, tuple(describers)
        self.batch_size = scrfd.batch_size

    def bucket(self, height: int, width: int) -> tuple[int, int]:
        return self._scrfd.bucket(height, width)

    def detect(self, pictures: Sequence[Pixels]) -> list[Detections]:
        """Faces in each H x W x 3 uint8 RGB picture of one bucket.

        The faces of all pictures are described together.
        """
        detections = self._scrfd.faces(pictures)
        if any(len(faces) for faces in detections):
            detections = self._described(pictures, detections)
        return [
            faces.clipped(*picture.shape[1::-1]) for picture, faces in zip(pictures, detections, strict=True)
        ]

    def _described(self, pictures: Sequence[Pixels], detections: Sequence[Detections]) -> list[Detections]:
        ends = list(accumulate((len(faces) for faces in detections), initial=0))
        embeddings = (
            self._embedder.of(pictures, detections) if self._embedder else np.zeros((ends[-1], 0), np.float32)
        )
        traits = self._traits(pictures, detections, ends[-1])
        return [
            replace(faces, embeddings=embeddings[first:end], traits=traits[first:end])
            for faces, (first, end) in zip(detections, pairwise(ends), strict=True)
        ]

    def _traits(self, pictures: Sequence[Pixels], detections: Sequence[Detections], count: int) -> Floats:
        traits = np.full((count, len(TRAITS) if self._describers else 0), np.nan)
        for model in self._describers:
            traits[:, model.columns] = model.of(pictures, detections)
        return traits


def face_detector(settings: Settings, *, threads: int = 1) -> Detector:
    """The detector of resolved settings.

    `face.pack` is a folder or CenterFace's file; `face.device` auto is taken for cpu. Raises
    `UnsuitablePack`, `WrongDigest`, `DamagedWeights`, and `InvalidSetting` where there is no such device.
    """
    face = settings.face
    if face.detector == "cascade":
        from actors.faces.cascade import CascadeDetector

        return CascadeDetector(face.min_confidence)
    if face.detector == "centerface":
        from actors.faces.centerface import center_face

        return center_face(face, threads=threads)
    return pack_faces(face, threads=threads)


def pack_faces(face: FaceSettings, *, threads: int = 1, batch: int | None = None) -> FaceDetector:
    """The detector of a pack; the device decides how many pictures run at once unless `batch` does."""
    from actors.faces.attributes import FaceEmbedder, GenderAge, HeadPose
    from actors.faces.model_pack import FaceModel, FacePack
    from actors.faces.onnx_session import FaceNetwork
    from actors.faces.scrfd import Scrfd

    if face.pack is None:
        raise UnsuitablePack("face.detector=scrfd", "no pack has been settled on")
    pack = FacePack.of(face.pack, face.pack_sha256)

    def network(model: FaceModel) -> FaceNetwork:
        return FaceNetwork(model, face.device, threads=threads, batch=batch)

    describers = [
        kind(network(model))
        for kind, model in ((GenderAge, pack.gender_age), (HeadPose, pack.landmarks))
        if model
    ]
    return FaceDetector(
        Scrfd(network(pack.detection), face),
        FaceEmbedder(network(pack.recognition)) if pack.recognition else None,
        describers,
    )
