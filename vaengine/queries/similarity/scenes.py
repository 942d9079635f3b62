"""Finds scenes like a given one by who is in them.

Where no model looks at whole pictures, a scene has no embedding of its own. What it has are the faces that
are seen in it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from schemas.annotations.annotation import FACE_DETECTION, SCENE_TYPE, Annotation
from schemas.errors import NotFound, UsageError
from schemas.media.frames import Floats32, Ints
from schemas.pipelines import SCENE
from schemas.storage.backend import ResultStore
from schemas.work.chunk import WorkKey
from schemas.work.current_result import complete_results
from vaengine.queries.match import Match
from vaengine.queries.similarity.faces import DEFAULT_COUNT, exact_cosines
from vaengine.queries.similarity.matrix_files import EmbeddingMatrix
from vaengine.queries.similarity.stored_reference import mean_vector
from vaengine.results.lookup import jobs_of

SCENE_NAME: Final = re.compile(r"(?P<video>.+):(?P<scene>scene_\w+)")


@dataclass(frozen=True, slots=True, eq=False)
class _SceneFaces:
    """A scene with the rows of the faces in it, by time."""

    scene: Annotation
    rows: Ints

    @property
    def name(self) -> str:
        return f"{self.scene.video_id}:{self.scene.scene_id}"


def similar_scenes(
    store: ResultStore,
    matrices: Sequence[EmbeddingMatrix],
    named: str,
    *,
    count: int = DEFAULT_COUNT,
    min_cosine: float = -1.0,
    video_ids: Collection[str] | None = None,
    annotation_ids: Collection[str] | None = None,
) -> list[Match]:
    """The scenes most like `VIDEO:scene_0001`, of these videos and ids or of all, best first, ties by id.

    `score` is the mean, over the people in the given scene, of the cosine of each to the most similar face in
    the other one. Scenes without a face are left out. Raises `NotFound`, and `UsageError` where nobody's face
    is in the scene.
    """
    given = scene_named(store, named)
    for matrix in matrices:
        scenes = list(_scenes_with_faces(store, matrix))
        own = next((one for one in scenes if one.scene.annotation_id == given.annotation_id), None)
        if own is not None:
            others = [
                one
                for one in scenes
                if one is not own
                and (video_ids is None or one.scene.video_id in video_ids)
                and (annotation_ids is None or one.scene.annotation_id in annotation_ids)
            ]
            return _ranked(matrix, own, others, named, count, min_cosine)
    raise UsageError(f"no face with an embedding is seen in {named}, so nothing can be compared with it")


def scene_named(store: ResultStore, named: str) -> Annotation:
    """The current scene that `VIDEO:scene_0001` means; raises `NotFound`, `UsageError`."""
    found = SCENE_NAME.fullmatch(named)
    if found is None:
        raise UsageError(f"{named} is no scene: give VIDEO:scene_0001")
    video_id = jobs_of(store, found["video"])[0].video_id
    for scene in _scenes_of(store, [video_id]):
        if scene.scene_id == found["scene"]:
            return scene
    raise NotFound(f"scene {found['scene']}", f"the current scenes of {video_id}")


def _scenes_of(store: ResultStore, video_ids: Sequence[str]) -> Iterator[Annotation]:
    for (video_id, pipeline), (_, result) in complete_results(store.jobs_of(list(video_ids))).items():
        if pipeline == SCENE:
            rows = store.annotations(WorkKey(video_id, SCENE, result.config_hash))
            yield from (row for row in rows if row.annotation_type == SCENE_TYPE)


def _scenes_with_faces(store: ResultStore, matrix: EmbeddingMatrix) -> Iterator[_SceneFaces]:
    faces = _faces_by_video(matrix)
    for scene in _scenes_of(store, sorted(faces)):
        rows = faces[scene.video_id]
        first, stop = np.searchsorted(
            matrix.rows["start_s"][rows], [scene.timestamp_seconds or 0.0, scene.end_seconds or 0.0]
        )
        if first < stop:
            yield _SceneFaces(scene, rows[first:stop])


def _faces_by_video(matrix: EmbeddingMatrix) -> Mapping[str, Ints]:
    """The rows of single faces of each video, by time."""
    columns = matrix.rows
    faces = np.flatnonzero((columns["annotation_type"] == FACE_DETECTION) & (columns["length"] > 0))
    faces = faces[np.lexsort((columns["start_s"][faces], columns["video_id"][faces]))]
    videos, firsts = np.unique(columns["video_id"][faces], return_index=True)
    return dict(zip(map(str, videos), np.split(faces, firsts[1:]), strict=True))


def _ranked(
    matrix: EmbeddingMatrix,
    own: _SceneFaces,
    others: Sequence[_SceneFaces],
    named: str,
    count: int,
    min_cosine: float,
) -> list[Match]:
    people = _people_in(matrix, own)
    rows = np.concatenate([np.zeros(0, np.int64), *(one.rows for one in others)])
    stops = np.cumsum([len(one.rows) for one in others])
    best = [
        [float(part.max()) for part in np.split(exact_cosines(matrix, vector, rows), stops[:-1])]
        for vector in people
    ]
    scores = [float(np.mean(own_best)) for own_best in zip(*best, strict=True)] if others else []
    ranked = sorted((-score, one.scene.annotation_id, one) for score, one in zip(scores, others, strict=True))
    return [
        _match(matrix, one.scene, -score, named, len(people))
        for score, _, one in ranked[:count]
        if -score >= min_cosine
    ]


def _people_in(matrix: EmbeddingMatrix, scene: _SceneFaces) -> list[Floats32]:
    """The mean of the faces of each person of a scene; a face without an identity is one of its own."""
    members: dict[str, list[int]] = {}
    for row in scene.rows.tolist():
        who = str(matrix.rows["face_id"][row]) or f"row {row}"
        members.setdefault(who, []).append(row)
    return [mean_vector(matrix, np.array(rows)) for _, rows in sorted(members.items())]


def _match(matrix: EmbeddingMatrix, scene: Annotation, score: float, named: str, people: int) -> Match:
    start_s = max(0.0, scene.timestamp_seconds or 0.0)
    who = "the person" if people == 1 else f"the {people} people"
    return Match(
        scene.video_id,
        matrix.paths.get(scene.video_id, ""),
        start_s,
        max(start_s, scene.end_seconds or 0.0),
        f"{scene.scene_id}: mean cosine {score:.3f} to {who} of {named}",
        score,
        (scene.annotation_id,),
    )
