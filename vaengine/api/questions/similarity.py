"""Finds the faces, people and scenes of a store that are most like a picture or like something stored."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final, TypedDict

from schemas.errors import UsageError
from schemas.paths import is_url
from schemas.storage.backend import StorageBackend
from vaengine.api.questions.face_reference import face_reference, face_settings
from vaengine.api.questions.scene_pictures import (
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


class _Within(TypedDict):
    video_ids: Collection[str] | None
    annotation_ids: Collection[str] | None


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
    limits: _Limits = {"count": request.count, "min_cosine": request.min_cosine}
    videos = {jobs_of(store, name)[0].video_id for name in request.videos} or None
    if request.finds_scenes:
        return _scenes(store, request, limits, video_ids=videos)
    matrices = open_matrices(store, cache_folder(store.url, os.environ))
    require_embeddings(matrices, store.url)
    reference = reference_of(store, matrices, request)
    require_model(matrices, reference)
    where = EmbeddingFilter(KINDS[request.kind], videos, min_confidence=request.min_confidence)
    return similar_faces(matrices, reference, where, **limits)


@dataclass
class Likeness:
    """What `similar` of queries means in a store; matrices are opened once, a picture is looked at once."""

    store: StorageBackend
    _references: dict[str, Reference] = field(default_factory=dict)

    def __call__(self, wanted: Similar, kind: str, ids: Collection[str] | None) -> dict[str, float]:
        """The annotations of a kind that are meant, of these ids or of all, by their cosine."""
        least = -1.0 if wanted.min_score is None else wanted.min_score
        limits: _Limits = {"count": wanted.count, "min_cosine": least}
        if kind == "scene":
            request = SimilarityRequest(_named(wanted), text=wanted.text)
            if not request.finds_scenes:
                raise UsageError(f"{request.named} is no scene: give VIDEO:scene_0001")
            found = _scenes(self.store, request, limits, annotation_ids=ids)
        else:
            where = EmbeddingFilter(KINDS[kind], annotation_ids=ids)
            found = similar_faces(self._matrices, self._reference(wanted), where, **limits)
        return {match.annotation_ids[0]: float(match.score or 0.0) for match in found}

    @cached_property
    def _matrices(self) -> list[EmbeddingMatrix]:
        return open_matrices(self.store, cache_folder(self.store.url, os.environ))

    def _reference(self, wanted: Similar) -> Reference:
        if wanted.text is not None:
            raise UsageError("a text says what is to be seen in scenes: find scenes")
        named = _named(wanted)
        if named not in self._references:
            self._references[named] = self._described(wanted, named)
        return self._references[named]

    def _described(self, wanted: Similar, named: str) -> Reference:
        is_file = Path(named).is_file()
        if wanted.image is not None and not is_file:
            raise UsageError(f"there is no picture file {named} on this machine")
        if SCENE_NAME.fullmatch(named) and not is_file:
            raise UsageError(f"{named} is a scene, which only scenes are like: name a face or a person")
        require_embeddings(self._matrices, self.store.url)
        reference = reference_of(self.store, self._matrices, SimilarityRequest(named))
        require_model(self._matrices, reference)
        return reference


def _named(wanted: Similar) -> str:
    return wanted.image if wanted.image is not None else wanted.annotation or ""


def _scenes(
    store: StorageBackend,
    request: SimilarityRequest,
    limits: _Limits,
    *,
    video_ids: Collection[str] | None = None,
    annotation_ids: Collection[str] | None = None,
) -> list[Match]:
    """Scenes by what is to be seen, where there is a model for that; else by who is in them."""
    if request.min_confidence is not None:
        raise UsageError("scenes have no confidence: leave --min-confidence out")
    within: _Within = {"video_ids": video_ids, "annotation_ids": annotation_ids}
    if request.text is not None:
        found = described_scenes(store, model := required_scene_model(request.models))
        vector, label = model.texts([request.text])[0], f"“{request.text}”"
        return similar_pictures(found, vector, label, **within, **limits)
    if (by_pictures := scene_model(request.models)) is None:
        matrices = open_matrices(store, cache_folder(store.url, os.environ))
        return similar_scenes(store, matrices, request.named, **within, **limits)
    found, scene = described_scenes(store, by_pictures), scene_named(store, request.named)
    vector = found.vector_of(scene)
    return similar_pictures(found, vector, request.named, without=scene.annotation_id, **within, **limits)


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
