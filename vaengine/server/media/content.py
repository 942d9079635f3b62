"""The current results of a video, read once and kept for the requests that follow."""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from schemas.annotations.annotation import Annotation
from schemas.errors import NotFound
from schemas.media.frames import Floats
from schemas.media.video import Video
from schemas.pipelines import AnsweredBy, of_machine
from schemas.storage.backend import ResultStore
from schemas.work.chunk import WorkKey
from schemas.work.job import JobStatus
from vaengine.results.lookup import VideoResults, newest_results
from vaengine.server.media.lanes import Lane, lanes_of
from vaengine.timeline.video_timeline import VideoTimeline

MAX_ROWS_KEPT: Final = 1_000_000  # of all videos together; the last one that was asked for always stays

Name = tuple[str, AnsweredBy]  # a video's id, and whose results
State = tuple[tuple[str, ...], ...]  # equal states have equal rows


@dataclass(frozen=True)
class VideoContent:
    """A video with its current results; what is drawn of them is worked out when it is first needed."""

    results: VideoResults

    @property
    def video(self) -> Video:
        return self.results.video

    @property
    def rows(self) -> tuple[Annotation, ...]:
        return self.results.annotations

    @cached_property
    def timeline(self) -> VideoTimeline:
        """Presence, sound and colours, as in every drawing of the video."""
        rates = self.results.sample_fps, self.results.face_fps
        return VideoTimeline.of_rows(self.rows, *rates, lambda frame: self.start_s(frame + 1))

    @cached_property
    def lanes(self) -> tuple[Lane, ...]:
        """The lanes of the timeline, without names of persons."""
        return lanes_of(self.timeline)

    @cached_property
    def times_s(self) -> Floats:
        """Seconds from the first frame to each frame, N float64."""
        return times_of(self.video)

    def frames_around(self, first: int, stop: int, span_s: float) -> range:
        """The frames `[first, stop)` with those at most `span_s` seconds before and after."""
        if first >= len(self.times_s):
            return range(first, first)
        begin_s, end_s = self.start_s(first) - span_s, self.start_s(stop) + span_s
        begin, end = np.searchsorted(self.times_s, (begin_s, end_s))
        return range(max(0, int(begin) - 1), int(end) + 1)

    def start_s(self, frame: int) -> float:
        """When a frame begins, in seconds from the first; the end of the video after the last one."""
        return float(self.times_s[frame]) if frame < len(self.times_s) else self.video.duration_s


class VideoContents:
    """The contents of the videos that were asked for last, for all threads of a server.

    Results that a run still adds to are read anew for each request.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[Name, tuple[State, VideoContent]] = OrderedDict()
        self._reading: defaultdict[Name, threading.Lock] = defaultdict(threading.Lock)

    def of(self, store: ResultStore, video_id: str, answered_by: AnsweredBy = "corrected") -> VideoContent:
        """The content of a video by its very id: what people made stands over what the machine found.

        `answered_by` says whose results count. Raises `NotFound`.
        """
        found, name = results_of_video(store, video_id, answered_by), (video_id, answered_by)
        with self._lock:
            reading = self._reading[name]
        with reading:  # a page asks for several parts at a time, which are read once
            return self._kept_content(name, state_of(found)) or self._read(store, name, found)

    def kept(self, found: VideoResults, answered_by: AnsweredBy) -> VideoContent | None:
        """The content of these very results, where it has been read already."""
        return self._kept_content((found.video.video_id, answered_by), state_of(found))

    def _kept_content(self, name: Name, state: State) -> VideoContent | None:
        with self._lock:
            kept = self._kept.get(name)
            if kept is None or kept[0] != state:
                return None
            self._kept.move_to_end(name)
            return kept[1]

    def _read(self, store: ResultStore, name: Name, found: VideoResults) -> VideoContent:
        content = VideoContent(_with_rows(store, found))
        if is_settled(found):
            self._keep(name, state_of(found), content)
        return content

    def _keep(self, name: Name, state: State, content: VideoContent) -> None:
        with self._lock:
            self._kept[name] = (state, content)
            self._kept.move_to_end(name)
            while len(self._kept) > 1 and self._row_count() > MAX_ROWS_KEPT:
                self._kept.popitem(last=False)

    def _row_count(self) -> int:
        return sum(len(content.rows) for _, content in self._kept.values())


def video_of(store: ResultStore, video_id: str) -> Video:
    """The video of an id; raises `NotFound`, also for one that was never readable."""
    video = store.videos([video_id]).get(video_id)
    if video is None:
        raise NotFound(f"video {video_id}", store.url)
    return video


def results_of_video(store: ResultStore, video_id: str, answered_by: AnsweredBy) -> VideoResults:
    """The current results of a video by its very id, without their rows; raises `NotFound`."""
    video = video_of(store, video_id)
    newest = newest_results(store.jobs_of([video_id]), answered_by)
    results = {name: result for name, (_, result) in newest.items()}
    return VideoResults(video, (), results, {name: job for name, (job, _) in newest.items()})


def rows_of_pipeline(store: ResultStore, found: VideoResults, pipeline: str) -> list[Annotation]:
    """The rows that answer for one pipeline of the machine."""
    return [
        row
        for name, result in found.pipelines.items()
        if of_machine(name) == pipeline
        for row in store.annotations(WorkKey(found.video.video_id, name, result.config_hash))
    ]


def _with_rows(store: ResultStore, found: VideoResults) -> VideoResults:
    video_id = found.video.video_id
    keys = (WorkKey(video_id, name, result.config_hash) for name, result in found.pipelines.items())
    rows = tuple(row for key in keys for row in store.annotations(key))
    return VideoResults(found.video, rows, found.pipelines, found.jobs)


def state_of(found: VideoResults) -> State:
    """What results are, without their rows."""
    return tuple(
        (name, result.config_hash, result.digest or "", str(result.status), str(result.completed_at))
        for name, result in sorted(found.pipelines.items())
    )


def is_settled(found: VideoResults) -> bool:
    """Whether nobody adds rows to these results any more."""
    return all(result.status is JobStatus.COMPLETED for result in found.pipelines.values())


def times_of(video: Video) -> Floats:
    """Seconds from the first frame to each frame of a video, N float64."""
    return np.asarray((video.index.pts - video.start_pts) * float(video.time_base), np.float64)


def frame_before(times_s: Floats, time_s: float) -> int:
    """The number of the frame that is shown at a time; the first or last one outside."""
    number = int(np.searchsorted(times_s, time_s + 1e-6, side="right")) - 1
    return min(max(number, 0), len(times_s) - 1)
