"""Confidences and tracks of a person, counted once for each result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from schemas.annotations.annotation import FACE_DETECTION, PERSON_DETECTION
from schemas.pipelines import FACE, PERSON
from schemas.storage.backend import CONFIDENCE_STEPS, ResultStore
from schemas.work.chunk import WorkKey
from tests.support.stores.entries import video_entry
from vaengine.server.collection.distributions import DistributionLog
from vaengine.server.collection.entry import VideoEntry


class _Store:
    """Each result has two sure rows; a face is at two tracks, another at one. It notes what is counted."""

    def __init__(self) -> None:
        self.asked: list[WorkKey] = []

    def confidence_counts(self, keys: Sequence[WorkKey]) -> dict[WorkKey, dict[str, list[int]]]:
        self.asked += keys
        sure = [0] * (CONFIDENCE_STEPS - 1) + [2]
        kinds = {PERSON: PERSON_DETECTION, FACE: FACE_DETECTION}
        return {key: {kinds[key.pipeline]: sure} for key in keys}

    def face_links(self, keys: Sequence[WorkKey]) -> Mapping[WorkKey, Mapping[tuple[str, str], int]]:
        links = {("face_0001", "person_0001"): 9, ("face_0001", "person_0004"): 1, ("face_0002", "p"): 3}
        return dict.fromkeys(keys, links)


def _with_faces(name: str, **changes: Any) -> VideoEntry:
    video = video_entry(name, **changes)
    state = video.pipelines[PERSON]
    return replace(video, pipelines={PERSON: state, FACE: state, "person_tracking_human": state})


def test_counts_of_all_results_add_up_and_people_are_not_counted() -> None:
    store = _Store()
    figures = DistributionLog().figures(cast(ResultStore, store), [_with_faces("a"), _with_faces("b")])
    assert [(one.pipeline, one.counts[-1]) for one in figures.confidences] == [(PERSON, 4), (FACE, 4)]
    assert figures.tracks_per_person == (2, 2, 0, 0, 0, 0)
    assert (figures.counted, figures.results) == (4, 4)


def test_a_result_is_counted_once_and_again_when_it_was_made_again() -> None:
    store, log, videos = _Store(), DistributionLog(), [video_entry("a"), video_entry("b")]
    for _ in range(2):
        log.figures(cast(ResultStore, store), videos)
    assert len(store.asked) == 2
    state = replace(videos[0].pipelines[PERSON], completed_at=None)
    figures = log.figures(cast(ResultStore, store), [replace(videos[0], pipelines={PERSON: state})])
    assert len(store.asked) == 3
    assert (figures.counted, figures.results) == (1, 1)  # the other one is gone


def test_a_request_counts_for_a_short_time_and_says_what_is_left() -> None:
    ticks = iter(range(0, 1000, 10))
    log, store = DistributionLog(lambda: next(ticks)), cast(ResultStore, _Store())
    videos = [video_entry(str(number)) for number in range(120)]
    counted = [log.figures(store, videos).counted for _ in range(3)]
    assert counted == [50, 100, 120]
