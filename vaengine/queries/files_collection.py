"""Any store as a collection, by its public functions and the algebra: what a store of files is asked by."""

from __future__ import annotations

import math
import time
from collections import Counter, defaultdict
from collections.abc import Collection as Sized
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain, islice
from typing import TYPE_CHECKING

from schemas.annotations.annotation import (
    AUDIO_EVENT,
    BEHAVIOR_TYPE,
    FACE_IDENTITY,
    PERSON_TRACK,
    SPEAKER,
    Annotation,
)
from schemas.errors import QueryTimeout
from schemas.pipelines import AUDIO, BEHAVIOR, FACE, PERSON, AnsweredBy, of_machine, pipelines_of
from schemas.storage.backend import Identity
from schemas.work.chunk import WorkKey
from schemas.work.current_result import complete_results
from vaengine.queries.collection import LABELLED, Collection, Contents, Facet, Position, Row, VideoPlace
from vaengine.queries.evaluation import Evaluation, Found, VideoRows
from vaengine.queries.language.document import Measure, Query
from vaengine.queries.resolution import Member, Resolution

if TYPE_CHECKING:
    from schemas.storage.backend import StorageBackend

_ID_TYPES = {
    "person_id": (PERSON, PERSON_TRACK),
    "face_id": (FACE, FACE_IDENTITY),
    "speaker_id": (AUDIO, SPEAKER),
}


class FilesCollection(Collection):
    """The results of a store; those of a pipeline are read when they are asked for, and kept."""

    def __init__(
        self, store: StorageBackend, timeout_s: float = math.inf, source: AnsweredBy = "machine"
    ) -> None:
        self._store, self._timeout_s, self._source = store, timeout_s, source
        self._ends_s = time.monotonic() + timeout_s
        self._results: dict[str, dict[str, tuple[Annotation, ...]]] = {}

    @cached_property
    def _keys(self) -> dict[str, dict[str, WorkKey]]:
        """The work key of the current complete result that answers for each pipeline, by video."""
        current = {name: result for name, (_, result) in complete_results(self._jobs).items()}
        keys: dict[str, dict[str, WorkKey]] = defaultdict(dict)
        for video_id, pipeline in current:
            for name in reversed(pipelines_of(pipeline, self._source)):
                if result := current.get((video_id, name)):
                    keys[of_machine(pipeline)][video_id] = WorkKey(video_id, name, result.config_hash)
        return keys

    @cached_property
    def _jobs(self) -> list:  # type: ignore[type-arg]
        return list(self._store.jobs())

    @cached_property
    def _videos(self) -> dict[str, VideoRows]:
        """Every readable video, without rows."""
        ids = dict.fromkeys(job.video_id for job in self._jobs)
        return {
            video_id: VideoRows(
                video_id,
                video.duration_s,
                video.width,
                video.height,
                frozenset(name for name, of_video in self._keys.items() if video_id in of_video),
                (),
            )
            for video_id, video in sorted(self._store.videos(list(ids)).items())
        }

    def _rows_of(self, pipeline: str) -> Mapping[str, tuple[Annotation, ...]]:
        if pipeline not in self._results:
            self._results[pipeline] = {
                video_id: tuple(self._store.annotations(key))
                for video_id, key in sorted(self._keys.get(pipeline, {}).items())
            }
        return self._results[pipeline]

    def contents(self) -> Contents:
        counts = {name: len(of_video) for name, of_video in self._keys.items()}
        return Contents(len(self._videos), counts, source=self._source)

    def _evaluations(self, query: Query, resolution: Resolution) -> Iterator[Evaluation]:
        needed = resolution.needed_by(query)
        # identities by face join tracks that are counted as persons
        pipelines = sorted(needed | ({FACE} if PERSON in needed else set()))
        for video_id, video in self._videos.items():
            if time.monotonic() > self._ends_s:
                raise QueryTimeout(self._store.url, f"{self._timeout_s:g}")
            rows = tuple(row for name in pipelines for row in self._rows_of(name).get(video_id, ()))
            facts = (video_id, video.duration_s, video.width, video.height, video.analysed)
            yield Evaluation(VideoRows(*facts, rows), resolution)

    def _found(self, query: Query, resolution: Resolution) -> Iterator[Found]:
        for evaluation in self._evaluations(query, resolution):
            yield from evaluation.moments(query)

    def page(
        self, query: Query, resolution: Resolution, after: Position | None, limit: int | None
    ) -> list[Row]:
        moments = sorted(self._found(query, resolution))
        by_video = query.answers == "videos"
        rows = _videos(moments) if by_video else [_row(found) for found in moments]
        following = (row for row in rows if after is None or _order(row, query) > (-after.score, *after.keys))
        return list(islice(following, limit))

    def ids(self, query: Query, resolution: Resolution) -> set[str]:
        return {found.ids[0] for found in self._found(query, resolution)}

    def count(self, query: Query, resolution: Resolution) -> tuple[int, int]:
        moments = list(self._found(query, resolution))
        return len(moments), len({found.video_id for found in moments})

    def measures(
        self,
        query: Query,
        resolution: Resolution,
        measures: Sequence[Measure],
        ids: Iterable[str] | None = None,
    ) -> dict[str, tuple[float | None, ...]]:
        meant, videos = None if ids is None else set(ids), resolution.videos
        return {
            name: tuple(values)
            for evaluation in self._evaluations(query, resolution)
            if videos is None or evaluation.video.video_id in videos
            for name, values in evaluation.numbers(query, measures)
            if meant is None or name in meant
        }

    def plan(self, query: Query, resolution: Resolution) -> tuple[str, str]:
        return "", "each video's files are read, and compared by the algebra of intervals"

    def lacking(self, pipelines: Iterable[str]) -> dict[str, tuple[str, ...]]:
        return {
            name: tuple(video_id for video_id in self._videos if video_id not in self._keys.get(name, {}))
            for name in sorted(pipelines)
        }

    def rows(self, ids: Iterable[str]) -> dict[str, Annotation]:
        sought = set(ids)
        return {row.annotation_id: row for row in self._all_read() if row.annotation_id in sought}

    def _all_read(self) -> Iterator[Annotation]:
        for of_video in self._results.values():
            for rows in of_video.values():
                yield from rows

    def places(self, video_ids: Iterable[str]) -> dict[str, VideoPlace]:
        videos = self._store.videos(list(dict.fromkeys(video_ids)))
        return {name: VideoPlace(video.path, video.duration_s) for name, video in videos.items()}

    def paths(self) -> dict[str, str]:
        return self._store.known_paths()

    # What can be asked for.

    def _of_type(self, pipeline: str, *kinds: str) -> Iterator[Annotation]:
        for rows in self._rows_of(pipeline).values():
            yield from (row for row in rows if row.annotation_type in kinds)

    def labels(self) -> list[str]:
        rows = chain(self._of_type(AUDIO, AUDIO_EVENT), self._of_type(BEHAVIOR, BEHAVIOR_TYPE))
        labels = (row.attributes.get("label") for row in rows)
        return sorted({label for label in labels if isinstance(label, str)})

    def identities(self) -> list[Identity]:
        return self._store.identities()

    def videos_with(self, local_id: str) -> dict[str, set[str]]:
        return {
            column: {row.video_id for row in self._of_type(*kind) if getattr(row, column) == local_id}
            for column, kind in _ID_TYPES.items()
        }

    def local_ids(self) -> list[str]:
        names = (getattr(row, column) for column, kind in _ID_TYPES.items() for row in self._of_type(*kind))
        return sorted({name for name in names if name is not None})

    def tracks_of(self, faces: Sized[Member]) -> set[Member]:
        return {
            (row.video_id, track)
            for row in self._of_type(FACE, FACE_IDENTITY)
            if (row.video_id, row.face_id) in faces
            for track in row.attributes.get("persons") or ()
        }

    def facets(self) -> list[Facet]:
        rows: Counter[tuple[str, str]] = Counter()
        videos: dict[tuple[str, str], set[str]] = defaultdict(set)
        for facet, value, video_id in self._values():
            rows[facet, value] += 1
            videos[facet, value].add(video_id)
        return [Facet(*key, number, len(videos[key])) for key, number in rows.items()]

    def _values(self) -> Iterator[tuple[str, str, str]]:
        for pipeline in sorted(self._keys):
            for found in self._rows_of(pipeline).values():
                for row in found:
                    yield "type", row.annotation_type, row.video_id
                    label = row.attributes.get("label")
                    if row.annotation_type in LABELLED and isinstance(label, str):
                        yield LABELLED[row.annotation_type], label, row.video_id
        for identity in self.identities():
            yield "identity", identity.identity_id, identity.video_id


def _row(found: Found) -> Row:
    return Row(found.score, found.video_id, found.start_s, found.end_s, found.ids)


def _order(row: Row, query: Query) -> tuple[str | float, ...]:
    return (-row.score, *row.position(query.answers).keys)


def _videos(moments: Iterable[Found]) -> list[Row]:
    """The videos of moments, each with its best score, in the order of answers."""
    by_video: dict[str, list[Found]] = defaultdict(list)
    for found in moments:
        by_video[found.video_id].append(found)
    rows = [
        Row(
            max(each.score for each in found),
            video_id,
            min(each.start_s for each in found),
            max(each.end_s for each in found),
            (),
            len(found),
        )
        for video_id, found in by_video.items()
    ]
    return sorted(rows, key=lambda row: (-row.score, row.video_id))
