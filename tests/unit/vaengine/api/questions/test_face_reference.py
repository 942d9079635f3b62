"""Which face of a picture is meant, and what is said where none or several could be."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from schemas.errors import Unreadable, UsageError
from schemas.inference.detections import Detections
from schemas.settings.settings import Settings
from vaengine.api.questions import face_reference as references
from vaengine.api.questions.face_reference import chosen_face, face_reference, read_picture, require_embedder
from vaengine.api.questions.similarity import SimilarityRequest, require_embeddings, require_model
from vaengine.queries.similarity.faces import Reference
from vaengine.queries.similarity.matrix_files import EmbeddingMatrix

SCRFD = Settings.model_validate(
    {"face": {"detector": "scrfd", "pack": "/packs/buffalo", "pack_sha256": "ab" * 32}}
)


def faces(count: int, dimension: int = 4) -> Detections:
    boxes = np.array([[100.0 * at, 10, 100 * at + 50, 70] for at in range(count)]).reshape(-1, 4)
    vectors = np.eye(count, dimension, dtype=np.float32)
    return Detections(boxes, np.full(count, 0.9), embeddings=vectors)


def test_the_only_face_is_meant_and_of_several_the_numbered_one() -> None:
    assert chosen_face(faces(1), "a.jpg", None) == 0
    assert chosen_face(faces(3), "a.jpg", 2) == 1


@pytest.mark.parametrize(
    ("count", "which", "message"),
    [
        (0, None, "no face was found in a.jpg"),
        (0, 1, "no face was found in a.jpg"),
        (2, None, r"2 faces \(1 at 0,10 \(50 x 60\); 2 at 100,10 \(50 x 60\)\): say which one with --face N"),
        (2, 3, "--face 3 is none of them"),
        (1, 2, "1 face"),
    ],
)
def test_none_and_several_are_refused_in_one_line(count: int, which: int | None, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        chosen_face(faces(count), "a.jpg", which)
    assert "\n" not in str(caught.value)


def test_a_pack_that_does_not_describe_faces_is_refused() -> None:
    with pytest.raises(UsageError, match="no recognition model"):
        chosen_face(faces(1, dimension=0), "a.jpg", None)
    with pytest.raises(UsageError, match="cannot compare"):
        require_embedder(Settings())


def test_a_file_that_is_no_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "empty.jpg").touch()
    for name in ("text.jpg", "empty.jpg", "missing.jpg"):
        with pytest.raises(Unreadable):
            read_picture(tmp_path / name)


class Finder:
    """Finds a face in pictures that have grey around them, as in a tight cut."""

    batch_size = 2

    def __init__(self) -> None:
        self.seen: list[tuple[int, int]] = []

    def bucket(self, height: int, width: int) -> tuple[int, int]:
        return height, width

    def detect(self, pictures: list[np.ndarray]) -> list[Detections]:
        assert len(pictures) == self.batch_size
        self.seen.append(pictures[0].shape[:2])
        return [faces(1) if (each[0, 0] == references.GREY).all() else Detections.none() for each in pictures]


def test_a_tight_cut_is_looked_at_again_with_a_border_and_a_large_picture_is_made_smaller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finder = Finder()
    monkeypatch.setattr(references, "face_detector", lambda settings: finder)
    cv2.imwrite(str(tmp_path / "face.png"), np.full((1600, 2560, 3), 200, np.uint8))
    reference = face_reference(tmp_path / "face.png", SCRFD)
    assert finder.seen == [(800, 1280), (800 + 1280, 1280 + 1280)]
    assert (reference.label, reference.model) == ("face.png", "buffalo@abababababab")
    np.testing.assert_array_equal(reference.vectors, [[1, 0, 0, 0]])


def test_a_picture_is_compared_only_with_faces_of_its_own_model() -> None:
    matrix = EmbeddingMatrix("pack@1", np.eye(2, 4, dtype=np.float32), {}, {})
    require_model([matrix], Reference("a.jpg", "pack@1", np.ones((1, 4), np.float32)))
    for model, width in (("pack@2", 4), ("pack@1", 8)):
        with pytest.raises(UsageError, match="two models are never compared"):
            require_model([matrix], Reference("a.jpg", model, np.ones((1, width), np.float32)))
    with pytest.raises(UsageError, match="no face embeddings"):
        require_embeddings([], "sqlite:///x")


@pytest.mark.parametrize("wrong", [{"kind": "voice"}, {"count": 0}])
def test_a_request_that_means_nothing_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        SimilarityRequest("a.jpg", **wrong)  # type: ignore[arg-type]
