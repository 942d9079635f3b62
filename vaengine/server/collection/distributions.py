"""How sure the models were, and how many tracks each person has: counted result by result, and kept.

A store counts a million rows in about a second, too long for every request. So each result is counted once;
a request counts for a short time and says how much is left.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from schemas.pipelines import FACE, order_of
from schemas.storage.backend import CONFIDENCE_STEPS, FaceLinks, ResultStore
from schemas.work.chunk import WorkKey
from vaengine.server.collection.entry import VideoEntry

BUDGET_S: Final = 1.0  # of one request
PAGE: Final = 50  # results that are counted at a time
MOST_TRACKS: Final = 6  # of one person, and more

Version = str  # another one for another result of the same key
Confidences = Mapping[str, Sequence[int]]  # by annotation type: rows in each step of confidence


@dataclass(frozen=True, slots=True)
class ConfidenceDistribution:
    """Rows of one type by confidence, in steps of 1 / `len(counts)` from 0 to 1."""

    pipeline: str
    annotation_type: str
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class DistributionFigures:
    """Of the machine's complete results those that are counted so far: `counted` of `results`.

    `tracks_per_person` has the number of persons with one track in a video, with two, and so on; the last one
    is for that many and more. A person is known by the face; one whose face was seen at no track is left out.
    """

    confidences: tuple[ConfidenceDistribution, ...]
    tracks_per_person: tuple[int, ...]
    counted: int
    results: int


@dataclass(frozen=True, slots=True)
class _Counted:
    version: Version
    confidences: Confidences = field(default_factory=dict)
    tracks: Mapping[int, int] = field(default_factory=dict)  # persons by their number of tracks


class DistributionLog:
    """What was counted of each result, for any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._lock, self._clock = threading.Lock(), clock
        self._counted: dict[WorkKey, _Counted] = {}

    def figures(self, store: ResultStore, videos: Iterable[VideoEntry]) -> DistributionFigures:
        """The figures of the results of these videos; counts new ones for about a second."""
        wanted = dict(_results(videos))
        with self._lock:
            self._counted = {key: one for key, one in self._counted.items() if key in wanted}
            self._count(store, wanted)
            return _figures(self._counted, len(wanted))

    def _count(self, store: ResultStore, wanted: Mapping[WorkKey, Version]) -> None:
        missing = [key for key, version in wanted.items() if not self._has(key, version)]
        until = self._clock() + BUDGET_S
        for first in range(0, len(missing), PAGE):
            page = missing[first : first + PAGE]
            found = store.confidence_counts(page)
            links = store.face_links([key for key in page if key.pipeline == FACE])
            for key in page:
                self._counted[key] = _Counted(
                    wanted[key], found.get(key, {}), _tracks_of_faces(links.get(key, {}))
                )
            if self._clock() >= until:
                return

    def _has(self, key: WorkKey, version: Version) -> bool:
        return key in self._counted and self._counted[key].version == version


def _results(videos: Iterable[VideoEntry]) -> Iterator[tuple[WorkKey, Version]]:
    for video in videos:
        for name, state in video.machine_pipelines.items():
            if state.status == "completed":
                yield WorkKey(video.video_id, name, state.config_hash), str(state.completed_at)


def _tracks_of_faces(links: FaceLinks) -> Mapping[int, int]:
    tracks: defaultdict[str, set[str]] = defaultdict(set)
    for face, track in links:
        tracks[face].add(track)
    return Counter(min(len(own), MOST_TRACKS) for own in tracks.values())


def _figures(counted: Mapping[WorkKey, _Counted], results: int) -> DistributionFigures:
    sums: dict[tuple[str, str], list[int]] = {}
    tracks: Counter[int] = Counter()
    for key, one in counted.items():
        tracks.update(one.tracks)
        for kind, counts in one.confidences.items():
            total = sums.setdefault((key.pipeline, kind), [0] * CONFIDENCE_STEPS)
            total[:] = [a + b for a, b in zip(total, counts, strict=True)]
    ordered = sorted(sums.items(), key=lambda item: (order_of(item[0][0]), item[0][1]))
    return DistributionFigures(
        tuple(ConfidenceDistribution(*name, tuple(counts)) for name, counts in ordered),
        tuple(tracks[number] for number in range(1, MOST_TRACKS + 1)),
        len(counted),
        results,
    )
