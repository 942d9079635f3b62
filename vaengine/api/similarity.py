"""Finds the faces, people and scenes of a store that are most like a picture or like something stored."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypedDict

from schemas.errors import UsageError
from schemas.paths import is_url
from schemas.storage.backend import StorageBackend
from vaengine.api.face_reference import face_reference, face_settings
from vaengine.api.scene_pictures import (
    described_scenes,
    required_scene_model,
    scene_model,
    similar_pictures,
)
from vaengine.queries.language.document import Similar
from vaengine.queries.match import Match
from vaengine.queries.similarity.embedding_matrix import cache_folder, open_matrices
from vaengine.queries.similarity.faces import (
    DEFAULT_COUNT,
    KINDS,
    EmbeddingFilter,
    Reference,
    matrix_of,
    similar_faces,
)
from vaengine.queries.similarity.matrix_files import EmbeddingMatrix
from vaengine.queries.similarity.scenes import SCENE_NAME, scene_named, similar_scenes
from vaengine.queries.similarity.stored_reference import stored_reference
from vaengine.requests.run_options import RunOptions
from vaengine.results.lookup import jobs_of


class _Limits(TypedDict):
    count: int
    min_cosine: float


PICTURES: Final = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")


@dataclass(frozen=True, slots=True)
class SimilarityRequest:
    """What to find the like of, and where.

    `named` is a picture file, or what `stored_reference` and `similar_scenes` take. `kind` is a key of
    `KINDS`. `videos` are names of videos, none for all. `face` is the number of a face in the picture. With
    `text` scenes in which this is to be seen are sought, and `named` is empty.
    """

    named: str = ""
    kind: str = "identity"
    count: int = DEFAULT_COUNT
    min_cosine: float = -1.0
    min_confidence: float | None = None
    videos: tuple[str, ...] = ()
    face: int | None = None
    models: RunOptions = field(default_factory=RunOptions)
    text: str | None = None

    def __post_init__(self) -> None:
        if bool(self.named) == bool(self.text and self.text.strip()):
            raise UsageError("say what to find the like of: a picture, something stored, or --text WORDS")
        if self.kind not in KINDS:
            raise UsageError(f"--kind takes {' or '.join(KINDS)}, not {self.kind!r}")
        if self.count < 1:
            raise UsageError(f"--count takes 1 and more, not {self.count}")

    @property
    def finds_scenes(self) -> bool:
        """Whether scenes are sought, rather than faces or people."""
        is_scene = SCENE_NAME.fullmatch(self.named) and not Path(self.named).is_file()
        return self.text is not None or bool(is_scene)


def similar(store: StorageBackend, request: SimilarityRequest) -> list[Match]:
    """The most similar annotations of a store, best first, ties by annotation id; `score` is the cosine.

    Exact, and the same on every kind of store. Raises `NotFound` for an unknown name, `UsageError` for a
    picture without a face or with several, and where the store has no faces of the same model.
    """
    return _found(store, request, (request.kind,))


def _found(store: StorageBackend, request: SimilarityRequest, kinds: Sequence[str]) -> list[Match]:
    """The most similar annotations of each of these kinds; the picture is looked at once."""
    videos = {jobs_of(store, name)[0].video_id for name in request.videos} or None
    limits: _Limits = {"count": request.count, "min_cosine": request.min_cosine}
    if request.finds_scenes:
        return _scenes(store, request, videos, limits)
    matrices = open_matrices(store, cache_folder(store.url, os.environ))
    require_embeddings(matrices, store.url)
    reference = reference_of(store, matrices, request)
    require_model(matrices, reference)
    wheres = (EmbeddingFilter(KINDS[kind], videos, min_confidence=request.min_confidence) for kind in kinds)
    return [match for where in wheres for match in similar_faces(matrices, reference, where, **limits)]


def _scenes(
    store: StorageBackend, request: SimilarityRequest, videos: set[str] | None, limits: _Limits
) -> list[Match]:
    """Scenes by what is to be seen, where there is a model for that; else by who is in them."""
    if request.min_confidence is not None:
        raise UsageError("scenes have no confidence: leave --min-confidence out")
    if request.text is not None:
        found = described_scenes(store, model := required_scene_model(request.models))
        vector, label = model.texts([request.text])[0], f"“{request.text}”"
        return similar_pictures(found, vector, label, video_ids=videos, **limits)
    if (by_pictures := scene_model(request.models)) is None:
        matrices = open_matrices(store, cache_folder(store.url, os.environ))
        return similar_scenes(store, matrices, request.named, video_ids=videos, **limits)
    found, scene = described_scenes(store, by_pictures), scene_named(store, request.named)
    vector = found.vector_of(scene)
    return similar_pictures(
        found, vector, request.named, video_ids=videos, without=scene.annotation_id, **limits
    )


def cosines(store: StorageBackend, wanted: Similar) -> dict[str, float]:
    """The annotations that `similar` of a query means, faces and identities or scenes, by their cosine."""
    named = wanted.image if wanted.image is not None else wanted.annotation or ""
    if wanted.image is not None and not Path(named).is_file():
        raise UsageError(f"there is no picture file {named} on this machine")
    least = -1.0 if wanted.min_score is None else wanted.min_score
    request = SimilarityRequest(named, count=wanted.count, min_cosine=least, text=wanted.text)
    found = _found(store, request, tuple(KINDS))
    return {match.annotation_ids[0]: float(match.score or 0.0) for match in found}


def reference_of(
    store: StorageBackend, matrices: Sequence[EmbeddingMatrix], request: SimilarityRequest
) -> Reference:
    """The face in a picture, or what a name means in the store."""
    path = Path(request.named)
    if path.is_file():
        return face_reference(path, face_settings(store.connection_url, request.models), request.face)
    if path.suffix.lower() in PICTURES or is_url(request.named):
        raise UsageError(f"there is no picture file {request.named} on this machine")
    return stored_reference(store, matrices, request.named)


def require_embeddings(matrices: Sequence[EmbeddingMatrix], url: str) -> None:
    """Raises `UsageError` where a store has nothing to compare with."""
    if not matrices:
        raise UsageError(
            f"{url} has no face embeddings: `vaengine run --pipelines face` makes them, with a neural preset "
            "(embedded has none)"
        )


def require_model(matrices: Sequence[EmbeddingMatrix], reference: Reference) -> None:
    """Raises `UsageError` where nothing in the store is of a reference's model."""
    if matrix_of(matrices, reference) is None:
        known = ", ".join(sorted(matrix.model for matrix in matrices))
        raise UsageError(
            f"{reference.label} was described by {reference.model}, the store's faces by {known}, and two "
            "models are never compared: name the store's with --preset or --set face.pack=NAME"
        )
