"""The most similar faces and scenes: on every store what a loop in float64 says, in the same order."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from actors.stores import open_store
from schemas.annotations.annotation import FACE_DETECTION, FACE_IDENTITY, Annotation, annotation_id
from schemas.errors import NotFound, UsageError
from schemas.pipelines import FACE, SCENE
from schemas.storage.backend import Embeddings, Identity, Outcome, StorageBackend
from schemas.work.job import JobStatus
from tests.contract.conftest import STORES
from tests.support.stores.fake_rows import Rows
from tests.support.stores.fake_videos import RUN, Clip, done
from vaengine.api.questions.query import answers_of
from vaengine.queries.files_collection import FilesCollection
from vaengine.queries.language.parsing import query_of
from vaengine.queries.resolve import resolved
from vaengine.queries.similarity.embedding_matrix import cache_folder, forget_matrices, open_matrices
from vaengine.queries.similarity.faces import EmbeddingFilter, Reference, similar_faces
from vaengine.queries.similarity.scenes import similar_scenes
from vaengine.queries.similarity.stored_reference import stored_reference

CLIPS = [Clip(f"/clips/face{number}.mp4", "0123456789abcdef"[number], 250) for number in range(3)]
FACES, SIZE = 20, 16
RANDOM = np.random.default_rng(1)
VECTORS = [RANDOM.standard_normal((FACES + 2, SIZE)).astype(np.float32) for _ in CLIPS]
VECTORS[1][3] = VECTORS[0][5]  # equal vectors: their order is that of their ids
VECTORS[1][4] = VECTORS[0][5] * np.float32(2)  # as like as they are
VECTORS[2][7] = 0.0  # like nothing


def face_rows(clip: Clip) -> list[Annotation]:
    """Faces half a second apart, of two people in turn, and then the two."""
    made = Rows(clip.video_id)
    faces = [made.face(12 * at, f"face_{at % 2 + 1:04d}", f"person_{at % 3 + 1:04d}") for at in range(FACES)]
    people = [made.identity(f"face_{n + 1:04d}", 12 * n, 12 * FACES) for n in range(2)]
    return [
        replace(
            row,
            annotation_id=annotation_id(clip.video_id, FACE, "c1", row.annotation_type, at, 0),
            confidence=0.5 + at / 100,
        )
        for at, row in enumerate([*faces, *people])
    ]


def keep(store: StorageBackend, number: int, epoch: int, vectors: np.ndarray | None = None) -> None:
    clip = CLIPS[number]
    rows, key, scenes = face_rows(clip), clip.key(FACE), clip.key(SCENE)
    job = clip.job(key, scenes)
    store.register(epoch, [clip.video], [job])
    found = Embeddings(
        tuple(row.annotation_id for row in rows), VECTORS[number] if vectors is None else vectors, "pack@1"
    )
    store.finish(epoch, Outcome(key, job.job_id, JobStatus.COMPLETED, tuple(rows), embeddings=found))
    store.finish(epoch, done(job, scenes, clip.scenes(scenes, [60, 120, 180])))


@pytest.fixture
def kept(store: StorageBackend) -> StorageBackend:
    epoch = store.open_run(RUN)
    for number in range(len(CLIPS)):
        keep(store, number, epoch)
    store.close_run(epoch, "completed")
    return store


def expected(
    vector: np.ndarray, kind: str, leave_out: frozenset[str] = frozenset()
) -> list[tuple[str, float]]:
    near = []
    for clip, own in zip(CLIPS, VECTORS, strict=True):
        for row, other in zip(face_rows(clip), own.astype(float), strict=True):
            length = np.linalg.norm(other) * np.linalg.norm(vector.astype(float))
            if row.annotation_type == kind and length and row.annotation_id not in leave_out:
                near.append((row.annotation_id, float(other @ vector.astype(float) / length)))
    return sorted(near, key=lambda pair: (-round(pair[1], 12), pair[0]))


def test_the_most_similar_are_those_of_a_loop_best_first_ties_by_id(
    kept: StorageBackend, tmp_path: Path
) -> None:
    matrices = open_matrices(kept, tmp_path / "cache")
    reference = Reference("it", "pack@1", VECTORS[0][5][None])
    found = similar_faces(matrices, reference, EmbeddingFilter(FACE_DETECTION), count=12)
    wanted = expected(VECTORS[0][5], FACE_DETECTION)[:12]
    assert [match.annotation_ids[0] for match in found] == [one for one, _ in wanted]
    assert [match.score for match in found] == pytest.approx([cosine for _, cosine in wanted], abs=1e-12)
    assert [match.score for match in found[:3]] == pytest.approx([1.0] * 3)
    assert found[0].path.startswith("/clips/face")


def test_every_store_answers_in_the_same_order_with_the_same_numbers(tmp_path: Path) -> None:
    answers = []
    for name, address in STORES.items():
        with closing(open_store(address(tmp_path / name))) as store:
            epoch = store.open_run(RUN)
            for number in range(len(CLIPS)):
                keep(store, number, epoch)
            matrices = open_matrices(store, tmp_path / f"cache {name}")
            reference = stored_reference(store, matrices, f"{CLIPS[0].video_id}:person_0001")
            faces = similar_faces(matrices, reference, EmbeddingFilter(FACE_DETECTION), count=30)
            scenes = similar_scenes(store, matrices, f"{CLIPS[0].video_id}:scene_0001", count=30)
            answers.append((faces, scenes))
    assert len(answers[0][0]) == 30
    assert answers[0] == answers[1] == answers[2]


def test_a_query_ranks_what_passes_its_other_conditions(
    kept: StorageBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    named = f"{CLIPS[0].video_id}:face_0001"
    like = {"annotation": named, "count": 6}
    sure = {"kind": "face", "similar": like, "min_confidence": 0.55}
    contained = {"relation": "during", "to": {"kind": "scene", "max_s": 3.0}}
    answers = answers_of(
        kept, query_of({"find": sure, "where": [contained], "videos": [CLIPS[2].video_id], "limit": 4})
    )
    plain = {"find": {"kind": "face", "min_confidence": 0.55}, "where": [contained]}
    algebra = FilesCollection(kept)
    inside = algebra.ids(*resolved(query_of({**plain, "videos": [CLIPS[2].video_id]}), algebra))
    assert 6 < len(inside) < FACES
    matrices = open_matrices(kept, cache_folder(kept.url, os.environ))
    reference = stored_reference(kept, matrices, named)
    where = EmbeddingFilter(FACE_DETECTION, annotation_ids=inside)
    wanted = similar_faces(matrices, reference, where, count=6)
    assert len(wanted) == 6
    assert [match.annotation_ids for match in answers] == [match.annotation_ids for match in wanted[:4]]
    assert [match.score for match in answers] == [match.score for match in wanted[:4]]
    rest = answers_of(kept, answers.query.model_copy(update={"page": answers.next_page}))
    assert [match.annotation_ids for match in rest] == [match.annotation_ids for match in wanted[4:]]
    scenes = query_of({"find": "scene", "where": [{"relation": "contains", "to": sure}]})
    assert answers_of(kept, scenes).matches
    with pytest.raises(UsageError, match="only scenes are like"):
        answers_of(
            kept, query_of({"find": {**sure, "similar": {"annotation": f"{CLIPS[0].video_id}:scene_0001"}}})
        )


def test_filters_come_first(kept: StorageBackend, tmp_path: Path) -> None:
    matrices = open_matrices(kept, tmp_path / "cache")
    reference = Reference("it", "pack@1", VECTORS[0][5][None])
    clip = CLIPS[2]
    where = EmbeddingFilter(FACE_DETECTION, {clip.video_id}, min_confidence=0.55, from_s=2.0, to_s=4.0)
    found = similar_faces(matrices, reference, where, count=50)
    times = {row.annotation_id: row.timestamp_seconds for row in face_rows(clip)}
    wanted = [
        row.annotation_id
        for at, row in enumerate(face_rows(clip)[:FACES])
        if 2.0 <= (times[row.annotation_id] or 0.0) < 4.0 and 0.5 + at / 100 >= 0.55 and at != 7
    ]
    assert sorted(match.annotation_ids[0] for match in found) == sorted(wanted)
    two = EmbeddingFilter(annotation_ids=set(wanted[:2]))
    assert {match.annotation_ids[0] for match in similar_faces(matrices, reference, two)} == set(wanted[:2])


def test_the_least_cosine_is_inclusive(kept: StorageBackend, tmp_path: Path) -> None:
    matrices = open_matrices(kept, tmp_path / "cache")
    reference = Reference("it", "pack@1", VECTORS[0][5][None])
    some = similar_faces(matrices, reference, count=6)
    least = some[3].score or 0.0
    again = similar_faces(matrices, reference, count=60, min_cosine=least)
    assert again == some[:4]


def test_a_reference_is_a_face_a_person_an_identity_or_an_id(kept: StorageBackend, tmp_path: Path) -> None:
    matrices = open_matrices(kept, tmp_path / "cache")
    clip, rows = CLIPS[0], face_rows(CLIPS[0])
    face = stored_reference(kept, matrices, f"{clip.video_id}:face_0002")
    own = VECTORS[0][FACES + 1] / np.linalg.norm(VECTORS[0][FACES + 1])
    np.testing.assert_allclose(face.vectors[0], own, rtol=1e-6)
    assert rows[FACES + 1].annotation_id in face.excluded
    assert rows[1].annotation_id in face.excluded
    person = stored_reference(kept, matrices, f"{clip.name}:person_0001")
    units = VECTORS[0][0:FACES:3] / np.linalg.norm(VECTORS[0][0:FACES:3], axis=1, keepdims=True)
    np.testing.assert_allclose(person.vectors[0], units.mean(0) / np.linalg.norm(units.mean(0)), rtol=1e-5)
    one = stored_reference(kept, matrices, rows[4].annotation_id[:20])
    np.testing.assert_array_equal(one.vectors[0], VECTORS[0][4])
    kept.put_identities(
        [
            Identity("identity_0001", each.video_id, "face_0001", "c1", "pack@1", 0.9, 0.0)
            for each in CLIPS[:2]
        ]
    )
    identity = stored_reference(kept, matrices, "identity_0001")
    found = similar_faces(matrices, identity, EmbeddingFilter(FACE_IDENTITY))
    assert len(found) == 4  # of six, without the two that it is
    for unknown in ("identity_0009", f"{clip.video_id}:face_0099", "nobody", "0"):
        with pytest.raises((NotFound, UsageError)):
            stored_reference(kept, matrices, unknown)


def test_scenes_are_like_by_who_is_in_them(kept: StorageBackend, tmp_path: Path) -> None:
    matrices = open_matrices(kept, tmp_path / "cache")
    found = similar_scenes(kept, matrices, f"{CLIPS[0].video_id}:scene_0001", count=50)
    assert len(found) == 11  # of twelve, without itself
    assert [match.score for match in found] == sorted((match.score for match in found), reverse=True)
    unit = [
        vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-30) for vectors in VECTORS
    ]
    people = [unit[0][start:5:2].astype(float).mean(0) for start in (0, 1)]  # faces of the first 60 frames
    best = found[0]
    clip = next(number for number, each in enumerate(CLIPS) if each.video_id == best.video_id)
    inside = [at for at in range(FACES) if best.start_s <= 12 * at / 25 < best.end_s and unit[clip][at].any()]
    score = np.mean([max(unit[clip][at] @ one / np.linalg.norm(one) for at in inside) for one in people])
    assert best.score == pytest.approx(score, abs=1e-6)
    with pytest.raises(NotFound):
        similar_scenes(kept, matrices, f"{CLIPS[0].video_id}:scene_0099")


def test_a_matrix_is_made_once_and_again_when_the_store_has_changed(
    store: StorageBackend, tmp_path: Path
) -> None:
    epoch = store.open_run(RUN)
    keep(store, 0, epoch)
    (before,) = open_matrices(store, tmp_path / "cache")
    (folder,) = (tmp_path / "cache").iterdir()
    made_ns = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    open_matrices(store, tmp_path / "cache")
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == made_ns
    keep(store, 1, epoch)
    (after,) = open_matrices(store, tmp_path / "cache")
    assert (len(before), len(after)) == (FACES + 2, 2 * (FACES + 2))
    assert [path.name for path in (tmp_path / "cache").iterdir()] != [folder.name]
    np.testing.assert_array_equal(after.vectors[after.rows["video_id"] == CLIPS[0].video_id], before.vectors)
    store.close_run(epoch, "completed")
    store.forget_video(CLIPS[0].video_id)
    (rest,) = open_matrices(store, tmp_path / "cache")
    assert set(rest.rows["video_id"]) == {CLIPS[1].video_id}
    store.save_annotations(CLIPS[1].job(CLIPS[1].key(FACE), CLIPS[1].key(SCENE)).job_id, FACE, [])
    assert open_matrices(store, tmp_path / "cache") == []


@pytest.fixture
def one(tmp_path: Path) -> Iterator[StorageBackend]:
    with closing(open_store(f"sqlite:///{tmp_path}/store.db")) as store:
        keep(store, 0, store.open_run(RUN))
        yield store


@pytest.mark.parametrize("harm", ["cut", "gone", "index", "rows"])
def test_damaged_files_are_made_again(harm: str, one: StorageBackend, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    (before,) = open_matrices(one, cache)
    vectors = before.vectors.copy()
    (folder,) = cache.iterdir()
    file = {"cut": "0.vectors", "gone": "0.vectors", "index": "index.json", "rows": "0.rows"}[harm]
    if harm == "gone":
        (folder / file).unlink()
    else:
        (folder / file).write_bytes((folder / file).read_bytes()[:-7])
    (after,) = open_matrices(one, cache)
    np.testing.assert_array_equal(after.vectors, vectors)


def test_the_files_are_the_users_own_and_go_when_a_store_is_forgotten(
    one: StorageBackend, tmp_path: Path
) -> None:
    environment = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    folder = cache_folder(one.url, environment)
    open_matrices(one, folder)
    assert folder.stat().st_mode & 0o077 == 0
    assert forget_matrices(one.url, environment) == 3
    assert (folder.exists(), forget_matrices(one.url, environment)) == (False, 0)
