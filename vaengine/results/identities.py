"""Persons across the videos of a store: identities of single videos, grouped by their mean embeddings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from actors.vision.clustering import grouped, pairs_of_one
from schemas.annotations.annotation import FACE_IDENTITY, Annotation
from schemas.media.frames import Floats32
from schemas.pipelines import FACE
from schemas.settings.settings import FaceSettings
from schemas.storage.backend import Identity, ResultStore, RunStore
from schemas.work.chunk import WorkKey
from schemas.work.current_result import complete_results
from vaengine.console.output import Table
from vaengine.console.units import clock, counted


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One identity of one video, with the mean of its embeddings; `model` made them."""

    row: Annotation
    vector: Floats32
    model: str


def faces_in(store: ResultStore) -> list[Face]:
    """Every identity with an embedding in the current result of each video, by video and first appearance."""
    found = (face for key in _current_keys(store) for face in _faces_of(store, key))
    return sorted(
        found, key=lambda face: (face.row.video_id, face.row.timestamp_seconds or 0.0, face.row.face_id or "")
    )


def _current_keys(store: ResultStore) -> Iterable[WorkKey]:
    """The key of one complete result per video.

    Older results that were kept there (`--keep`) show the same people again.
    """
    made = complete_results(job for job in store.jobs() if FACE in job.pipeline_results)
    return [
        WorkKey(job.video_id, FACE, result.config_hash)
        for job, result in made.values()
        if result.pipeline == FACE
    ]


def _faces_of(store: ResultStore, key: WorkKey) -> Iterator[Face]:
    embeddings = store.embeddings(key)
    if embeddings is None:
        return
    vectors = dict(zip(embeddings.annotation_ids, embeddings.vectors, strict=True))
    for row in store.annotations(key):
        if row.annotation_type == FACE_IDENTITY and row.annotation_id in vectors:
            yield Face(row, vectors[row.annotation_id], embeddings.model)


def identified(faces: Sequence[Face], min_similarity: float) -> list[Identity]:
    """Assign each face to a person of the collection; persons are numbered by first appearance.

    Faces belong to one person from a minimal mean cosine on. Two faces of one video are never joined, since
    they were told apart there. Two faces of different models are never joined, since their vectors cannot be
    compared.
    """
    groups: dict[tuple[str, int], list[Face]] = {}
    labels = _labels(faces, min_similarity)
    for face, label in zip(faces, labels, strict=True):
        groups.setdefault((face.model, label), []).append(face)
    return [
        identity
        for number, group in enumerate(groups.values(), start=1)
        for identity in _identities_of_group(f"identity_{number:04d}", group)
    ]


def likeness_in(store: RunStore) -> float:
    """The minimal cosine for one person, as the newest run recorded it, else the default."""
    recorded = (batch.config.get("face", {}).get("same_person") for batch in store.batches())
    return next((float(least) for least in recorded if least is not None), FaceSettings().same_person)


def _labels(faces: Sequence[Face], min_similarity: float) -> list[int]:
    """The group number of each face among the faces of its model."""
    labels = [0] * len(faces)
    for model in {face.model for face in faces}:
        positions = [position for position, face in enumerate(faces) if face.model == model]
        vectors = np.stack([faces[position].vector for position in positions])
        found = grouped(
            vectors,
            least=min_similarity,
            apart=pairs_of_one(faces[position].row.video_id for position in positions),
        )
        for position, label in zip(positions, found.tolist(), strict=True):
            labels[position] = label
    return labels


def _identities_of_group(identity_id: str, group: Sequence[Face]) -> Iterator[Identity]:
    mean = np.mean([face.vector.astype(np.float64) for face in group], axis=0)
    mean /= np.linalg.norm(mean) or 1.0
    for face in group:
        row, similarity = face.row, float(face.vector.astype(np.float64) @ mean)
        yield Identity(
            identity_id,
            row.video_id,
            row.face_id or "",
            row.config_hash,
            face.model,
            similarity,
            row.timestamp_seconds or 0.0,
        )


def of_each(identities: Iterable[Identity]) -> Mapping[str, list[Identity]]:
    """Members of each identity, in order."""
    members: dict[str, list[Identity]] = {}
    for identity in identities:
        members.setdefault(identity.identity_id, []).append(identity)
    return members


def identity_table(identities: Sequence[Identity]) -> Table:
    """A row for each person, those in most videos first."""
    members = sorted(of_each(identities).items(), key=lambda item: (-len(item[1]), item[0]))
    rows = (
        (
            name,
            counted(len(faces), "video"),
            f"{faces[0].video_id} {faces[0].face_id} at {clock(faces[0].first_s)}",
        )
        for name, faces in members
    )
    return Table(("identity", "seen in", "first"), tuple(rows))


def summary(identities: Sequence[Identity]) -> str:
    """One line with the number of persons and videos.

    It names the models if there are several, since faces are not compared across models.
    """
    if not identities:
        return (
            "no face embeddings are stored: `vaengine run --pipelines face` makes them, with a neural "
            "preset (embedded has none)"
        )
    models = sorted({identity.model for identity in identities})
    models_text = (
        f"; {len(models)} models ({', '.join(models)}), whose faces are not compared with each other"
        if len(models) > 1
        else ""
    )
    videos, people = len({identity.video_id for identity in identities}), len(of_each(identities))
    return f"{people:,} {'person' if people == 1 else 'persons'} in {counted(videos, 'video')}{models_text}"
