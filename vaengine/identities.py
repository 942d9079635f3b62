"""Who is who across the videos of a store: identities of single videos, grouped by their mean embeddings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np

from actors.identities import grouped
from schemas.annotation import FACE_IDENTITY, Annotation
from schemas.chunk import WorkKey
from schemas.frames import Floats32
from schemas.job import JobStatus
from schemas.pipeline import FACE
from schemas.store import Identity, StorageBackend
from vaengine.output import Table
from vaengine.quantities import clock, counted, timestamp


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One identity of one video, with the mean of its embeddings; `model` made them."""

    row: Annotation
    vector: Floats32
    model: str


def faces_in(store: StorageBackend) -> list[Face]:
    """Every identity that complete results hold an embedding of, by video and first sight."""
    keys = {
        WorkKey(job.video_id, FACE, result.config_hash)
        for job in store.jobs()
        if (result := job.pipeline_results.get(FACE)) and result.status is JobStatus.COMPLETED
    }
    found = (face for key in sorted(keys) for face in _faces_of(store, key))
    return sorted(found, key=lambda face: (face.row.video_id, face.row.timestamp_seconds or 0.0, face.row.face_id or ""))


def _faces_of(store: StorageBackend, key: WorkKey) -> Iterator[Face]:
    embeddings = store.embeddings(key)
    if embeddings is None:
        return
    vectors = dict(zip(embeddings.annotation_ids, embeddings.vectors, strict=True))
    for row in store.annotations(key):
        if row.annotation_type == FACE_IDENTITY and row.annotation_id in vectors:
            yield Face(row, vectors[row.annotation_id], embeddings.model)


def identified(faces: Sequence[Face], least: float) -> list[Identity]:
    """The person of the collection that each face is, numbered by first appearance.

    Faces are one person's from a mean cosine of `least` on; two of one video never, since they were told apart there, and two of different
    models never, since their vectors cannot be compared.
    """
    groups: list[list[Face]] = []
    for model in dict.fromkeys(face.model for face in faces):
        own = [face for face in faces if face.model == model]
        apart = [(i, j) for i, j in combinations(range(len(own)), 2) if own[i].row.video_id == own[j].row.video_id]
        labels = grouped([face.vector for face in own], least=least, apart=apart)
        groups += [[face for face, of in zip(own, labels.tolist(), strict=True) if of == label] for label in range(int(labels.max()) + 1)]
    order = {id(face): place for place, face in enumerate(faces)}
    groups.sort(key=lambda group: order[id(group[0])])
    return [one for number, group in enumerate(groups, start=1) for one in _members(f"identity_{number:04d}", group)]


def _members(identity_id: str, group: Sequence[Face]) -> Iterator[Identity]:
    mean = np.mean([face.vector.astype(np.float64) for face in group], axis=0)
    mean /= np.linalg.norm(mean) or 1.0
    for face in group:
        row, likeness = face.row, float(face.vector.astype(np.float64) @ mean)
        yield Identity(identity_id, row.video_id, row.face_id or "", row.config_hash, face.model, likeness, row.timestamp_seconds or 0.0)


def of_each(found: Iterable[Identity]) -> Mapping[str, list[Identity]]:
    """Members of each identity, in order."""
    members: dict[str, list[Identity]] = {}
    for one in found:
        members.setdefault(one.identity_id, []).append(one)
    return members


def identity_table(found: Sequence[Identity]) -> Table:
    """A line for each person, those seen in most videos first."""
    members = sorted(of_each(found).items(), key=lambda item: (-len(item[1]), item[0]))
    rows = ((name, counted(len(own), "video"), f"{own[0].video_id} {own[0].face_id} at {clock(own[0].first_s)}") for name, own in members)
    return Table(("identity", "seen in", "first"), tuple(rows))


def summary(found: Sequence[Identity]) -> str:
    """How many persons in how many videos; more than one model is said, since nobody is compared across them."""
    if not found:
        return "no face embeddings are stored: `vaengine run --pipelines face` makes them, with a neural preset (embedded has none)"
    models = sorted({one.model for one in found})
    told = f"; {len(models)} models ({', '.join(models)}), whose faces are not compared with each other" if len(models) > 1 else ""
    videos, people = len({one.video_id for one in found}), len(of_each(found))
    return f"{people:,} {'person' if people == 1 else 'persons'} in {counted(videos, 'video')}{told}"


def identity_events(found: Sequence[Identity]) -> Iterator[dict[str, Any]]:
    """Each face of each person as a JSON event, the counts last."""
    now = timestamp()
    for one in found:
        yield {"event": "identity", "time": now, **asdict(one)}
    yield {"event": "report", "time": now, "identities": len(of_each(found)), "faces": len(found)}
