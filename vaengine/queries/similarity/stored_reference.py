"""Finds what a name means as a reference of likeness: a stored face, an identity, a person."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from schemas.annotations.annotation import FACE_DETECTION, FACE_IDENTITY
from schemas.errors import NotFound, UsageError
from schemas.media.frames import Floats32, Ints
from schemas.storage.backend import StorageBackend
from vaengine.queries.similarity.faces import Mask, Reference
from vaengine.queries.similarity.matrix_files import EmbeddingMatrix
from vaengine.results.lookup import jobs_of, one_beginning_with

_IDENTITY: Final = re.compile(r"identity_\d+")
_LABEL: Final = re.compile(r"(?P<video>.+):(?P<label>(?P<kind>face|person)_\w+)")
Texts = npt.NDArray[np.str_]
MIN_ID_CHARACTERS: Final = 8  # of the beginning of an annotation's id


def stored_reference(store: StorageBackend, matrices: Sequence[EmbeddingMatrix], named: str) -> Reference:
    """The reference that a name means: `identity_0001` of the collection, `VIDEO:face_0001`,
    `VIDEO:person_0001`, or the id of an annotation, or its beginning.

    Raises `NotFound` where it has no embedding in a current result, `UsageError` for an ambiguous name.
    """
    if _IDENTITY.fullmatch(named):
        return _of_identity(store, matrices, named)
    if found := _LABEL.fullmatch(named):
        return _of_label(store, matrices, named, found["video"], found["kind"], found["label"])
    return _of_annotation(store, matrices, named)


def _of_identity(store: StorageBackend, matrices: Sequence[EmbeddingMatrix], named: str) -> Reference:
    members = {
        (one.video_id, one.face_id): one.model for one in store.identities() if one.identity_id == named
    }
    if not members:
        raise NotFound(f"identity {named}", f"{store.url}: `vaengine identities list` shows them")
    for matrix in matrices:
        keys = zip(matrix.rows["video_id"].tolist(), matrix.rows["face_id"].tolist(), strict=True)
        own = np.array([members.get(key) == matrix.model for key in keys], bool)
        if own.any():
            return _reference(matrix, named, own)
    raise _without_embedding(store, named)


def _of_label(
    store: StorageBackend, matrices: Sequence[EmbeddingMatrix], named: str, video: str, kind: str, label: str
) -> Reference:
    video_id = jobs_of(store, video)[0].video_id
    for matrix in matrices:
        own = (matrix.rows["video_id"] == video_id) & (matrix.rows[f"{kind}_id"] == label)
        if own.any():
            return _reference(matrix, named, own)
    raise _without_embedding(store, named)


def _of_annotation(store: StorageBackend, matrices: Sequence[EmbeddingMatrix], named: str) -> Reference:
    ids = [str(one) for matrix in matrices for one in matrix.rows["annotation_id"]]
    known = ids if len(named) >= MIN_ID_CHARACTERS else [one for one in ids if one == named]
    found = one_beginning_with(named, known, "annotation")
    if found is None:
        raise NotFound(
            f"{named}",
            f"{store.url}: it is no picture file here and nothing stored with an embedding; give a picture, "
            "VIDEO:face_0001, VIDEO:person_0001, VIDEO:scene_0001, identity_0001 or an annotation's id",
        )
    matrix = next(one for one in matrices if found in one.rows["annotation_id"])
    own = matrix.rows["annotation_id"] == found
    return Reference(named, matrix.model, np.array(matrix.vectors[own]), frozenset([found]))


def _reference(matrix: EmbeddingMatrix, named: str, own: Mask) -> Reference:
    """The mean of what belongs to somebody: of identities where there are any, else of single faces."""
    kinds = matrix.rows["annotation_type"]
    chosen = next(
        rows for kind in (FACE_IDENTITY, FACE_DETECTION, None) if (rows := _rows(own, kinds, kind)).size
    )
    excluded = frozenset(map(str, matrix.rows["annotation_id"][own]))
    return Reference(named, matrix.model, mean_vector(matrix, chosen)[None], excluded)


def _rows(own: Mask, kinds: Texts, kind: str | None) -> Ints:
    return np.flatnonzero(own if kind is None else own & (kinds == kind))


def mean_vector(matrix: EmbeddingMatrix, rows: Ints) -> Floats32:
    """The mean of unit vectors of these rows, at length 1; raises `UsageError` where they cancel out.

    Rows are added in the order of their ids, so that the mean is the same whatever their place.
    """
    ordered = rows[np.argsort(matrix.rows["annotation_id"][rows])]
    vectors = matrix.vectors[ordered].astype(np.float64) / matrix.rows["length"][ordered][:, None]
    mean = vectors.mean(axis=0)
    length = float(np.linalg.norm(mean))
    if not np.isfinite(length) or length == 0.0:
        raise UsageError("these faces have no mean: their embeddings cancel out, or have no length")
    unit: Floats32 = (mean / length).astype(np.float32)
    return unit


def _without_embedding(store: StorageBackend, named: str) -> NotFound:
    return NotFound(
        f"an embedding of {named}",
        f"{store.url}: `vaengine run --pipelines face` makes them, with a neural preset",
    )
