"""Who is who across the videos of a store: identities of single videos, grouped by their mean embeddings."""

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
    """Every identity that the newest complete result of each video holds an embedding of, by video and
    first sight.
    """
    found = (face for key in _newest(store) for face in _faces_of(store, key))
    return sorted(
        found, key=lambda face: (face.row.video_id, face.row.timestamp_seconds or 0.0, face.row.face_id or "")
    )


def _newest(store: ResultStore) -> Iterable[WorkKey]:
    """One complete result a video: what older settings left there (`--keep`) shows the same people once
    more.
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


def identified(faces: Sequence[Face], least: float) -> list[Identity]:
    """The person of the collection that each face is, numbered by first appearance.

    Faces are one person's from a mean cosine of `least` on; two of one video never, since they were told
    apart there, and two of different models never, since their vectors cannot be compared.
    """
    groups: dict[tuple[str, int], list[Face]] = {}
    labels = _labels(faces, least)
    for face, label in zip(faces, labels, strict=True):
        groups.setdefault((face.model, label), []).append(face)
    return [
        one
        for number, group in enumerate(groups.values(), start=1)
        for one in _members(f"identity_{number:04d}", group)
    ]


def likeness_in(store: RunStore) -> float:
    """From which cosine on the newest run took faces for one person's, the usual one where no run
    recorded any.
    """
    recorded = (batch.config.get("face", {}).get("same_person") for batch in store.batches())
    return next((float(least) for least in recorded if least is not None), FaceSettings().same_person)


def _labels(faces: Sequence[Face], least: float) -> list[int]:
    """Group of each face among those of its model."""
    labels = [0] * len(faces)
    for model in {face.model for face in faces}:
        places = [place for place, face in enumerate(faces) if face.model == model]
        vectors = np.stack([faces[place].vector for place in places])
        found = grouped(
            vectors, least=least, apart=pairs_of_one(faces[place].row.video_id for place in places)
        )
        for place, label in zip(places, found.tolist(), strict=True):
            labels[place] = label
    return labels


def _members(identity_id: str, group: Sequence[Face]) -> Iterator[Identity]:
    mean = np.mean([face.vector.astype(np.float64) for face in group], axis=0)
    mean /= np.linalg.norm(mean) or 1.0
    for face in group:
        row, likeness = face.row, float(face.vector.astype(np.float64) @ mean)
        yield Identity(
            identity_id,
            row.video_id,
            row.face_id or "",
            row.config_hash,
            face.model,
            likeness,
            row.timestamp_seconds or 0.0,
        )


def of_each(found: Iterable[Identity]) -> Mapping[str, list[Identity]]:
    """Members of each identity, in order."""
    members: dict[str, list[Identity]] = {}
    for one in found:
        members.setdefault(one.identity_id, []).append(one)
    return members


def identity_table(found: Sequence[Identity]) -> Table:
    """A line for each person, those seen in most videos first."""
    members = sorted(of_each(found).items(), key=lambda item: (-len(item[1]), item[0]))
    rows = (
        (name, counted(len(own), "video"), f"{own[0].video_id} {own[0].face_id} at {clock(own[0].first_s)}")
        for name, own in members
    )
    return Table(("identity", "seen in", "first"), tuple(rows))


def summary(found: Sequence[Identity]) -> str:
    """How many persons in how many videos; more than one model is said, since nobody is compared across
    them.
    """
    if not found:
        return (
            "no face embeddings are stored: `vaengine run --pipelines face` makes them, with a neural "
            "preset (embedded has none)"
        )
    models = sorted({one.model for one in found})
    told = (
        f"; {len(models)} models ({', '.join(models)}), whose faces are not compared with each other"
        if len(models) > 1
        else ""
    )
    videos, people = len({one.video_id for one in found}), len(of_each(found))
    return f"{people:,} {'person' if people == 1 else 'persons'} in {counted(videos, 'video')}{told}"
