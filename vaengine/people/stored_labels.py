"""Whom the current results of videos tell apart: the labels of tracks, faces and speakers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from actors.stores.rules.person_matching import Candidate, candidates_of
from actors.stores.rules.states import keys_of
from schemas.pipelines import FACE, PERSON, AnsweredBy, pipelines_of
from schemas.storage.backend import ResultStore
from schemas.storage.people import PIPELINE_OF
from schemas.work.chunk import WorkKey
from schemas.work.current_result import JobResult, complete_results
from schemas.work.job import BatchJob, PipelineResult

LabelIn = tuple[str, str]  # video id and label


class StoredLabels:
    """The current complete results of some videos, and the labels in them."""

    def __init__(self, store: ResultStore, video_ids: Iterable[str], source: AnsweredBy = "machine") -> None:
        self._store, self._video_ids, self._source = store, sorted(set(video_ids)), source
        self._candidates: dict[tuple[str, str], list[Candidate]] = {}
        self._faces_of_tracks: dict[str, dict[str, str]] = {}  # by video and track

    @cached_property
    def _jobs(self) -> list[BatchJob]:
        return self._store.jobs_of(self._video_ids)

    @cached_property
    def _results(self) -> Mapping[tuple[str, str], JobResult]:
        return complete_results(self._jobs)

    def result(self, video_id: str, pipeline: str) -> PipelineResult | None:
        """The current result that answers for a pipeline, if it is complete."""
        names = pipelines_of(pipeline, self._source)
        found = (self._results[video_id, name] for name in names if (video_id, name) in self._results)
        return next((result for _, result in found), None)

    def key(self, video_id: str, pipeline: str) -> WorkKey | None:
        """The work key of the current result."""
        result = self.result(video_id, pipeline)
        return WorkKey(video_id, result.pipeline, result.config_hash) if result else None

    def candidates(self, video_id: str, kind: str) -> list[Candidate]:
        """The labels of one kind (`person`, `face` or `speaker`) in a video; none without a result."""
        if (video_id, kind) not in self._candidates:
            self._candidates[video_id, kind] = self._read(video_id, kind)
        return self._candidates[video_id, kind]

    def _read(self, video_id: str, kind: str) -> list[Candidate]:
        key = self.key(video_id, PIPELINE_OF[kind])
        if key is None:
            return []
        embeddings = self._store.embeddings(key) if kind == "face" else None
        return candidates_of(self._store.annotations(key), kind, embeddings)

    # Links of faces and tracks.

    def face_of_track(self, video_ids: Iterable[str]) -> dict[LabelIn, str]:
        """By video and track the face that was seen at it most often."""
        wanted = set(video_ids)
        self._read_links(sorted(wanted - self._faces_of_tracks.keys()))
        return {
            (video_id, track): face
            for video_id in sorted(wanted)
            for track, face in self._faces_of_tracks[video_id].items()
        }

    def _read_links(self, video_ids: Sequence[str]) -> None:
        self._faces_of_tracks.update({video_id: {} for video_id in video_ids})
        keys = [key for video_id in video_ids if (key := self._linked_faces(video_id))]
        for key, links in self._store.face_links(keys).items() if keys else ():
            most: dict[str, tuple[int, str]] = {}
            for (face, track), count in sorted(links.items()):
                most[track] = max(most.get(track, (0, "")), (count, face), key=lambda pair: pair[0])
            self._faces_of_tracks[key.video_id] = {track: face for track, (_, face) in most.items()}

    def _linked_faces(self, video_id: str) -> WorkKey | None:
        """The faces of a video, where the tracks that their rows name are those of its current persons."""
        faces, persons = self.key(video_id, FACE), self.key(video_id, PERSON)
        if faces is None or persons is None:
            return None
        keys = self._keys_of_jobs[video_id]
        with_faces = [own for own in keys if own.get(FACE) == faces]
        if any(own.get(PERSON) == persons for own in with_faces):
            return faces
        return faces if not any(PERSON in own for own in with_faces) and self._are_newer(video_id) else None

    @cached_property
    def _keys_of_jobs(self) -> Mapping[str, list[dict[str, WorkKey]]]:
        keys = defaultdict(list)
        for job in self._jobs:
            keys[job.video_id].append(keys_of(job))
        return keys

    def _are_newer(self, video_id: str) -> bool:
        """Whether the faces are newer: a run of faces alone links them to the tracks in the store."""
        faces, persons = self.result(video_id, FACE), self.result(video_id, PERSON)
        if faces is None or persons is None or faces.completed_at is None or persons.completed_at is None:
            return False
        return faces.completed_at > persons.completed_at
