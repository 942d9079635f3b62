"""Describes each detected face: embedding, age and sex, head pose."""

from __future__ import annotations

import importlib.util
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from actors.faces.alignment import alignments, centrings, crops
from actors.faces.onnx_session import FaceNetwork
from schemas.errors import UnsuitablePack
from schemas.inference.detections import Detections
from schemas.media.frames import Floats, Floats32, Pixels

MEAN_SHAPE: Final = "data/objects/meanshape_68.pkl"  # of the package insightface
USUAL_POINTS: Final = 68


class FaceEmbedder:
    """Computes embeddings of faces: the more similar two faces, the larger the cosine.

    Source: ArcFace, Deng et al., CVPR 2019.
    """

    def __init__(self, network: FaceNetwork) -> None:
        self._network = network

    def of(self, pictures: Sequence[Pixels], detections: Sequence[Detections]) -> Floats32:
        """N x D float32 of length 1, for all N >= 1 faces of all pictures; D depends on the model."""
        crop_side = self._network.model.side
        rows = self._network.rows(
            [
                crop
                for picture, faces in zip(pictures, detections, strict=True)
                for crop in crops(picture, alignments(faces.keypoints[..., :2], crop_side), crop_side)
            ]
        )
        length = np.linalg.norm(rows, axis=1, keepdims=True)
        unit: Floats32 = np.divide(rows, np.maximum(length, np.finfo(np.float32).tiny), dtype=np.float32)
        return unit


class GenderAge:
    """Estimates the age in years, and whether the face is a man's.

    The model gives the likelier of two sexes, and no probability.
    """

    columns: Final = slice(0, 2)

    def __init__(self, network: FaceNetwork) -> None:
        self._network = network

    def of(self, pictures: Sequence[Pixels], detections: Sequence[Detections]) -> Floats:
        """N x 2 (years, 0 or 1) of all N >= 1 faces of all pictures.

        Source: InsightFace's `Attribute`, whose years are rounded.
        """
        rows = _centred_outputs(self._network, pictures, detections)
        return np.stack([rows[:, 2] * 100.0, rows[:, 1] > rows[:, 0]], axis=1)


class HeadPose:
    """Estimates the direction of a head from 68 points in space and their mean shape.

    Source: InsightFace's `Landmark`.
    """

    columns: Final = slice(2, 5)

    def __init__(self, network: FaceNetwork) -> None:
        self._network = network
        shape = mean_shape(network.model.path)
        self._fit = np.linalg.pinv(np.hstack([shape, np.ones((len(shape), 1))]))

    def of(self, pictures: Sequence[Pixels], detections: Sequence[Detections]) -> Floats:
        """N x 3 degrees (pitch, yaw, roll) of all N >= 1 faces of all pictures.

        The crop is neither turned nor stretched, so points in it have the same angles as points in the
        picture.
        """
        rows = _centred_outputs(self._network, pictures, detections)
        points = rows.reshape(len(rows), -1, 3)[:, -USUAL_POINTS:]
        return angles((self._fit @ points).transpose(0, 2, 1)[:, :2, :3])


def angles(axes: Floats) -> Floats:
    """N x 3 degrees (pitch, yaw, roll) of N x 2 x 3 images of the first two axes, of any length."""
    first, second = (axes / np.linalg.norm(axes, axis=2, keepdims=True)).transpose(1, 0, 2)
    third = np.cross(first, second)
    pitch = np.arctan2(third[:, 1], third[:, 2])
    yaw = np.arctan2(-third[:, 0], np.hypot(first[:, 0], second[:, 0]))
    roll = np.arctan2(second[:, 0], first[:, 0])
    degrees: Floats = np.degrees(np.stack([pitch, yaw, roll], axis=1))
    return degrees


def mean_shape(model: str) -> Floats:
    """68 x 3 points of a face that looks straight ahead, from the files of insightface.

    The package itself is not imported. Raises `UnsuitablePack` where it is not installed.
    """
    package = importlib.util.find_spec("insightface")
    if package is None or not package.submodule_search_locations:
        raise UnsuitablePack(model, "the package insightface, whose mean shape it needs, is not installed")
    with (Path(package.submodule_search_locations[0]) / MEAN_SHAPE).open("rb") as file:
        return np.asarray(pickle.load(file), np.float64)


def _centred_outputs(
    network: FaceNetwork, pictures: Sequence[Pixels], detections: Sequence[Detections]
) -> Floats:
    crop_side = network.model.side
    pairs = zip(pictures, detections, strict=True)
    cut = [
        crop
        for picture, faces in pairs
        for crop in crops(picture, centrings(faces.xyxy, crop_side), crop_side)
    ]
    return network.rows(cut).astype(np.float64)
