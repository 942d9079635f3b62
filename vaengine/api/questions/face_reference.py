"""Finds the face in a picture file and describes it, with the models that a store's faces were made with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from actors.faces.detector import face_detector
from actors.finalize.face_rows import model_name
from schemas.errors import Unreadable, UsageError
from schemas.inference.detections import Detections
from schemas.media.frames import Pixels
from schemas.pipelines import FACE
from schemas.settings.layers import Given
from schemas.settings.settings import Settings
from vaengine.queries.similarity.faces import Reference
from vaengine.requests.run_options import RunOptions, batch_file, fitted_as_before, resolved

BORDER_SHARE: Final = 0.5  # of the longer side, grey around a picture in which no face was found: a tight cut
GREY: Final = 127
AS_BEFORE: Final = "--as-before: "


def face_settings(url: str, options: RunOptions) -> Settings:
    """The settings of the face models: those that the options name, else those of the store's own faces.

    Raises `UsageError` where neither can be had, `ModelError` where a model is missing.
    """
    if options.preset or options.settings or options.config:
        configuration, _ = resolved(options, batch_file(options.config), (FACE,), store_url=url, fetch=True)
        return configuration.settings
    folder = {"models.folder": Given(str(options.models), "--models")} if options.models else {}
    try:
        configuration, _ = fitted_as_before(url, (), (FACE,), folder, fetch=False)
    except UsageError as error:
        reason = str(error).removeprefix(AS_BEFORE)
        raise UsageError(f"the face models of the store are not known ({reason}): name --preset") from error
    return configuration.settings


def face_reference(image: Path, settings: Settings, which: int | None = None) -> Reference:
    """The face in a picture file, or of several the one of number `which`, from the left, from 1.

    Raises `Unreadable` for a file that is no picture; `UsageError` where there is no face, or where there are
    several and none is chosen, and for models that do not describe faces.
    """
    picture = read_picture(image)
    require_embedder(settings)
    faces = _faces_in(picture, settings)
    chosen = chosen_face(faces, image.name, which)
    model = model_name(settings.face)
    return Reference(image.name, model, np.array(faces.embeddings[chosen : chosen + 1], np.float32))


def require_embedder(settings: Settings) -> None:
    """Raises `UsageError` where the configured detector does not describe faces."""
    if settings.face.detector != "scrfd":
        raise UsageError(
            f"detector {settings.face.detector} finds faces but cannot compare them: name the neural preset "
            "that the store's faces were made with, such as --preset fast"
        )


def chosen_face(faces: Detections, name: str, which: int | None) -> int:
    """The index of the face that is meant; faces are in order from the left. Raises `UsageError`."""
    if not len(faces):
        raise UsageError(f"no face was found in {name}: give a sharper or larger picture of a face")
    if not faces.embeddings.shape[1]:
        raise UsageError(f"the face in {name} was found but not described: the pack has no recognition model")
    if which is not None and not 1 <= which <= len(faces):
        raise UsageError(f"{name} shows {_listed(faces)}: --face {which} is none of them")
    if which is None and len(faces) > 1:
        raise UsageError(f"{name} shows {_listed(faces)}: say which one with --face N, or cut the picture")
    return (which or 1) - 1


def read_picture(image: Path) -> Pixels:
    """A picture file as H x W x 3 uint8 RGB, upright; raises `Unreadable`."""
    import cv2

    try:
        data = np.fromfile(image, np.uint8)
    except OSError as error:
        raise Unreadable(str(image), error.strerror or str(error)) from error
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    if decoded is None:
        raise Unreadable(str(image), "it is no picture that OpenCV reads, such as JPEG or PNG")
    picture: Pixels = cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)
    return picture


def _faces_in(picture: Pixels, settings: Settings) -> Detections:
    """The faces of a picture from left to right; where there is none, the picture is tried in a border."""
    detector = face_detector(settings)
    scaled = _within(picture, settings.face.input_pixels)
    border = round(BORDER_SHARE * max(scaled.shape[:2]))
    framed = np.pad(scaled, ((border, border), (border, border), (0, 0)), constant_values=GREY)
    for each in (scaled, framed):
        faces = detector.detect([each] * detector.batch_size)[0]
        if len(faces):
            return faces.chosen(np.argsort(faces.xyxy[:, 0], kind="stable"))
    return Detections.none()


def _within(picture: Pixels, longer_side: int) -> Pixels:
    """The picture, made smaller where it is larger than what videos are looked at."""
    import cv2

    height, width = picture.shape[:2]
    share = longer_side / max(height, width)
    if share >= 1:
        return picture
    size = (max(1, round(width * share)), max(1, round(height * share)))
    smaller: Pixels = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    return smaller


def _listed(faces: Detections) -> str:
    boxes: Sequence[Sequence[float]] = faces.xyxy.tolist()
    numbered = (
        f"{number} at {left:.0f},{top:.0f} ({right - left:.0f} x {bottom - top:.0f})"
        for number, (left, top, right, bottom) in enumerate(boxes, start=1)
    )
    return f"{len(boxes)} faces ({'; '.join(numbered)})" if len(boxes) > 1 else f"1 face ({next(numbered)})"
