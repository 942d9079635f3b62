"""Finds the embeddings most similar to given ones: exactly, by cosine, among those of the same model.

The answers and their order do not depend on the kind of store, nor on where a vector lies in the matrix: a
product of float32 finds candidates, and those are compared again in float64, each on its own. Equal ones are
ordered by id.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from schemas.annotations.annotation import FACE_DETECTION, FACE_IDENTITY
from schemas.media.frames import Floats, Floats32, Ints
from vaengine.queries.match import Match
from vaengine.queries.similarity.matrix_files import EmbeddingMatrix

DEFAULT_COUNT: Final = 10
PAGE_ROWS: Final = 8_192  # that are compared at once where only some rows are asked for
KINDS: Final = {"identity": FACE_IDENTITY, "face": FACE_DETECTION}

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """What to find the like of: R x D `vectors` of a model, float32.

    `label` names it to a person. `excluded` are the annotations that it is made of.
    """

    label: str
    model: str
    vectors: Floats32
    excluded: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or not len(self.vectors) or not np.isfinite(self.vectors).all():
            raise ValueError(f"a reference has vectors of finite numbers, got {self.vectors.shape}")


@dataclass(frozen=True, slots=True)
class EmbeddingFilter:
    """Which embeddings are compared at all; None is no condition.

    `[from_s, to_s)` are seconds of each video that the annotation overlaps.
    """

    annotation_type: str | None = None
    video_ids: Collection[str] | None = None
    annotation_ids: Collection[str] | None = None
    min_confidence: float | None = None
    from_s: float | None = None
    to_s: float | None = None

    def mask(self, matrix: EmbeddingMatrix) -> Mask:
        """The rows of a matrix that are asked for; a vector of length 0 is like none."""
        rows = matrix.rows
        mask: Mask = rows["length"] > 0
        if self.annotation_type is not None:
            mask &= rows["annotation_type"] == self.annotation_type
        for column, values in (("video_id", self.video_ids), ("annotation_id", self.annotation_ids)):
            if values is not None:
                mask &= np.isin(rows[column], np.array(sorted(values), dtype=np.str_))
        if self.min_confidence is not None:
            mask &= rows["confidence"] >= self.min_confidence
        if self.from_s is not None:
            mask &= (rows["end_s"] > self.from_s) | (rows["start_s"] >= self.from_s)
        if self.to_s is not None:
            mask &= rows["start_s"] < self.to_s
        return mask


class Ranked(NamedTuple):
    """A row of a matrix, and its cosine to a reference."""

    row: int
    cosine: float


def most_similar(
    matrix: EmbeddingMatrix,
    vector: Floats32,
    where: Mask,
    *,
    count: int = DEFAULT_COUNT,
    min_cosine: float = -1.0,
) -> list[Ranked]:
    """The `count` rows of a mask most similar to a vector, best first, ties by annotation id.

    `min_cosine` leaves out what is less similar. A vector of length 0 is like none.
    """
    asked = np.flatnonzero(where)
    length = float(np.linalg.norm(vector.astype(np.float64)))
    if not len(asked) or not length or count < 1:
        return []
    rough = _rough_cosines(matrix, vector, asked, length)
    best = np.partition(rough, -count)[-count] if count < len(rough) else -np.inf
    error = 2 * len(vector) * float(np.finfo(np.float32).eps)
    candidates = asked[~(rough < max(float(best), min_cosine) - error)]  # NaN: too large for float32
    cosines = exact_cosines(matrix, vector, candidates)
    ids = matrix.rows["annotation_id"][candidates]
    order = np.lexsort((ids, -cosines))[:count]
    return [Ranked(int(candidates[at]), float(cosines[at])) for at in order if cosines[at] >= min_cosine]


def exact_cosines(matrix: EmbeddingMatrix, vector: Floats32, rows: Ints) -> Floats:
    """The cosine of each of these rows to a vector, float64, whatever other rows there are."""
    reference = vector.astype(np.float64)
    lengths = matrix.rows["length"][rows] * np.sqrt(np.square(reference).sum())
    products = [
        (matrix.vectors[page].astype(np.float64) * reference).sum(axis=1)
        for page in (rows[first : first + PAGE_ROWS] for first in range(0, len(rows), PAGE_ROWS))
    ]
    cosines: Floats = np.concatenate([np.zeros(0), *products]) / lengths
    return cosines


def _rough_cosines(matrix: EmbeddingMatrix, vector: Floats32, asked: Ints, length: float) -> Floats32:
    """Cosines in float32, by one product where most rows are asked for."""
    reference = (vector / length).astype(np.float32)
    with np.errstate(over="ignore", invalid="ignore"):  # what float32 cannot hold is compared in float64
        products = _products(matrix, reference, asked)
    rough: Floats32 = (products / matrix.rows["length"][asked]).astype(np.float32)
    return rough


def _products(matrix: EmbeddingMatrix, reference: Floats32, asked: Ints) -> Floats32:
    if 2 * len(asked) >= len(matrix):
        all_products: Floats32 = matrix.vectors @ reference
        return all_products[asked]
    pages = (asked[first : first + PAGE_ROWS] for first in range(0, len(asked), PAGE_ROWS))
    products: Floats32 = np.concatenate([matrix.vectors[page] @ reference for page in pages])
    return products


# Answers.


def similar_faces(
    matrices: Sequence[EmbeddingMatrix],
    reference: Reference,
    where: EmbeddingFilter | None = None,
    *,
    count: int = DEFAULT_COUNT,
    min_cosine: float = -1.0,
) -> list[Match]:
    """The faces or identities most similar to a reference, best first; `score` is the cosine.

    Of several vectors the nearest counts. None where no matrix is of the reference's model.
    """
    matrix = matrix_of(matrices, reference)
    if matrix is None:
        return []
    mask = (where or EmbeddingFilter()).mask(matrix)
    if reference.excluded:
        mask &= ~np.isin(matrix.rows["annotation_id"], np.array(sorted(reference.excluded), dtype=np.str_))
    found: dict[int, float] = {}
    for vector in reference.vectors:
        for row, cosine in most_similar(matrix, vector, mask, count=count, min_cosine=min_cosine):
            found[row] = max(cosine, found.get(row, -1.0))
    ids = matrix.rows["annotation_id"]
    best = sorted(found.items(), key=lambda item: (-item[1], str(ids[item[0]])))[:count]
    return [_match(matrix, row, cosine, reference.label) for row, cosine in best]


def matrix_of(matrices: Sequence[EmbeddingMatrix], reference: Reference) -> EmbeddingMatrix | None:
    """The matrix that a reference can be compared with; None where there is none of its model."""
    width = reference.vectors.shape[1]
    return next(
        (one for one in matrices if one.model == reference.model and one.vectors.shape[1] == width), None
    )


def _match(matrix: EmbeddingMatrix, row: int, cosine: float, label: str) -> Match:
    one = {name: column[row] for name, column in matrix.rows.items()}
    video_id, start_s = str(one["video_id"]), max(0.0, float(one["start_s"]))
    who = str(one["face_id"]) or "a face"
    person = f" of {one['person_id']}" if str(one["person_id"]) else ""
    return Match(
        video_id,
        matrix.paths.get(video_id, ""),
        start_s,
        max(start_s, float(one["end_s"])),
        f"{who}{person}: cosine {cosine:.3f} to {label}",
        cosine,
        (str(one["annotation_id"]),),
    )
