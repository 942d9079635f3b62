"""The boxes of stretches of a video: each is read from the store without the rest, and kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from schemas.annotations.annotation import FACE_DETECTION, PERSON_DETECTION, SCENE_TYPE, Annotation
from schemas.pipelines import FACE, PERSON, SCENE, AnsweredBy, of_machine
from schemas.storage.backend import ResultStore
from schemas.work.chunk import WorkKey
from vaengine.results.longest_span import longest_span_s
from vaengine.results.lookup import VideoResults
from vaengine.server.media.boxes import BoxColumns, box_columns
from vaengine.server.media.content import (
    State,
    VideoContent,
    VideoContents,
    is_settled,
    results_of_video,
    state_of,
)

MAX_BOXES_KEPT: Final = 200_000  # of all stretches together
KINDS: Final = {PERSON: PERSON_DETECTION, FACE: FACE_DETECTION, SCENE: SCENE_TYPE}

Name = tuple[str, AnsweredBy, State, int, int]  # a video's id, whose results, which, and its frames


class BoxStretches:
    """The stretches that were asked for last, for all threads of a server.

    Of results that only as a whole tell when their boxes are shown, all is read, once. Those that a run still
    adds to are read anew for each request.
    """

    def __init__(self, contents: VideoContents) -> None:
        self._contents = contents
        self._lock = threading.Lock()
        self._kept: OrderedDict[Name, BoxColumns] = OrderedDict()

    def of(
        self, store: ResultStore, video_id: str, answered_by: AnsweredBy, first: int, stop: int
    ) -> BoxColumns:
        """The boxes that are shown in the frames `[first, stop)` of a video; raises `NotFound`."""
        found = results_of_video(store, video_id, answered_by)
        name = (video_id, answered_by, state_of(found), first, stop)
        with self._lock:
            if name in self._kept:
                self._kept.move_to_end(name)
                return self._kept[name]
        columns = self._columns(store, found, answered_by, first, stop)
        if is_settled(found):
            self._keep(name, columns)
        return columns

    def _columns(
        self, store: ResultStore, found: VideoResults, answered_by: AnsweredBy, first: int, stop: int
    ) -> BoxColumns:
        content = self._contents.kept(found, answered_by) or _content_around(store, found, first, stop)
        if content is None:
            content = self._contents.of(store, found.video.video_id, answered_by)
        timeline, end_s = content.timeline, content.video.duration_s
        return box_columns(timeline.persons, timeline.faces, content.times_s, end_s, first, stop)

    def _keep(self, name: Name, columns: BoxColumns) -> None:
        with self._lock:
            self._kept[name] = columns
            while len(self._kept) > 1 and sum(map(_size, self._kept.values())) > MAX_BOXES_KEPT:
                self._kept.popitem(last=False)


def _size(columns: BoxColumns) -> int:
    return len(columns.frame)


def _content_around(store: ResultStore, found: VideoResults, first: int, stop: int) -> VideoContent | None:
    """Boxes and cuts of these frames and of those that reach into them; None where no number of frames is
    known to be enough.
    """
    of_boxes = [name for name in found.pipelines if of_machine(name) in (PERSON, FACE)]
    spans_s = [longest_span_s(found, name) for name in of_boxes]
    known = [span_s for span_s in spans_s if span_s is not None]
    if len(known) < len(spans_s):
        return None
    frames = VideoContent(found).frames_around(first, stop, max(known, default=0.0))
    return VideoContent(replace(found, annotations=tuple(_rows_in(store, found, frames))))


def _rows_in(store: ResultStore, found: VideoResults, frames: range) -> Iterable[Annotation]:
    for name, result in found.pipelines.items():
        if kind := KINDS.get(of_machine(name)):
            key = WorkKey(found.video.video_id, name, result.config_hash)
            yield from store.each_annotation(key, [kind], frames)
