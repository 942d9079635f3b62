"""What is most similar does not depend on where a vector lies, nor on what else is compared."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from vaengine.queries.similarity.faces import EmbeddingFilter, Reference, most_similar, similar_faces
from vaengine.queries.similarity.matrix_files import EmbeddingMatrix


def matrix(vectors: np.ndarray, order: list[int]) -> EmbeddingMatrix:
    """Vectors of single faces in some order; the id of each says which one it is."""
    own = vectors[order].astype(np.float32)
    count = len(order)
    texts = {
        name: np.array(["x"] * count, np.str_)
        for name in ("annotation_type", "video_id", "face_id", "person_id")
    }
    ids = np.array([f"id {at:04d}" for at in order], np.str_)
    zeros = np.zeros(count)
    lengths = np.sqrt(np.square(own.astype(np.float64)).sum(axis=1))
    numbers = {"start_s": zeros, "end_s": zeros, "confidence": zeros, "length": lengths}
    return EmbeddingMatrix("pack@1", own, {"annotation_id": ids, **texts, **numbers}, {})


def ranked(
    made: EmbeddingMatrix, vector: np.ndarray, where: np.ndarray, count: int
) -> list[tuple[str, float]]:
    found = most_similar(made, vector.astype(np.float32), where, count=count)
    return [(str(made.rows["annotation_id"][row]), cosine) for row, cosine in found]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 12), st.data())
def test_the_answers_are_those_of_float64_in_any_order_and_among_any_others(
    seed: int, size: int, count: int, data: st.DataObject
) -> None:
    random = np.random.default_rng(seed)
    vectors = random.standard_normal((size, 24)).astype(np.float32)
    vectors[random.integers(size, size=size // 2)] = vectors[0]  # equal ones
    vectors[random.integers(size, size=size // 8)] = 0.0
    wanted = random.standard_normal(24).astype(np.float32)
    asked = np.array(data.draw(st.lists(st.booleans(), min_size=size, max_size=size)), bool)
    lengths = np.linalg.norm(vectors.astype(float), axis=1) * np.linalg.norm(wanted.astype(float))
    expected = sorted(
        (-round(float(vectors[at].astype(float) @ wanted.astype(float) / lengths[at]), 12), f"id {at:04d}")
        for at in range(size)
        if asked[at] and lengths[at]
    )[:count]
    order = data.draw(st.permutations(range(size)))
    answers = []
    for places in (list(range(size)), list(order)):
        made = matrix(vectors, places)
        answers.append(ranked(made, wanted, EmbeddingFilter().mask(made) & asked[places], count))
    assert answers[0] == answers[1]  # the same numbers too
    assert [one for one, _ in answers[0]] == [one for _, one in expected]


def test_of_several_vectors_the_nearest_counts() -> None:
    made = matrix(np.eye(4, dtype=np.float32), [0, 1, 2, 3])
    both = Reference("two", "pack@1", np.array([[1, 0.5, 0, 0], [0, 0.1, 1, 0]], np.float32))
    found = similar_faces([made], both, count=3)
    assert [match.annotation_ids[0] for match in found] == ["id 0002", "id 0000", "id 0001"]


def test_a_vector_too_large_for_float32_is_still_compared() -> None:
    vectors = np.array([[3e38, 3e38], [1, 0], [0, 1]], np.float32)
    made = matrix(vectors, [0, 1, 2])
    found = ranked(made, np.array([1, 1]), np.ones(3, bool), 1)
    assert found[0][0] == "id 0000"
