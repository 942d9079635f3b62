"""One video of an export: its facts, its current results, and the names of its persons."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from schemas.annotations.annotation import Annotation
from schemas.media.video import Video
from schemas.paths import name_of
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob
from schemas.work.provenance import info_of, sample_fps
from vaengine.results.presence_intervals import Run

MAX_JITTER: Final = 0.5  # of a frame's length, by which a frame may be off an even grid


@dataclass(frozen=True, slots=True)
class ExportedVideo:
    """A video, its place in the export counted from 1, and what belongs to its complete results.

    `jobs` and `keys` are by pipeline; `sampled` has the machine's jobs where `jobs` has people's. `names`
    has the name of a person for each of the labels that are somebody's (`person_0001`, `face_0001`,
    `speaker_0001`). `stretches` are the seconds that count, in
    order; None: all of them.
    """

    number: int
    video: Video
    keys: Mapping[str, WorkKey]
    jobs: Mapping[str, BatchJob]
    names: Mapping[str, str] = field(default_factory=dict)
    stretches: tuple[Run, ...] | None = None
    sampled: Mapping[str, BatchJob] = field(default_factory=dict)

    @property
    def video_id(self) -> str:
        return self.video.video_id

    @property
    def file_name(self) -> str:
        """The name of the video's file."""
        return name_of(self.video.path)

    @property
    def fps(self) -> float:
        """The nominal rate; 0 for a file of sound alone."""
        return float(self.video.nominal_fps)

    @property
    def is_variable(self) -> bool:
        """Whether frames are shown off an even grid of the nominal rate by more than `MAX_JITTER`."""
        index = self.video.index
        if not index.exact or len(index) < 2 or self.video.nominal_fps <= 0:
            return False
        shown_s = (index.pts - index.pts[0]) * float(self.video.time_base)
        return bool(np.abs(shown_s * self.fps - np.arange(len(index))).max() > MAX_JITTER)

    def time_s(self, frame: int) -> float:
        """When a frame is shown, in seconds since the first one; by the nominal rate without an index."""
        index = self.video.index
        if 0 <= frame < len(index):
            return self.video.time_s(int(index.pts[frame]))
        return frame / self.fps if self.fps else 0.0

    def number_at(self, time_s: float) -> int:
        """The frame, from 0, whose place a program with a constant rate gives to what is shown at a time."""
        return max(0, round(time_s * self.fps))

    def frame_at(self, time_s: float) -> int:
        """The frame that is shown at a time, the first or last one outside the video."""
        index = self.video.index
        pts = self.video.start_pts + round(time_s / float(self.video.time_base))
        shown = int(np.searchsorted(index.pts, pts, side="right")) - 1
        return min(max(0, shown), max(0, len(index) - 1))

    def sample_fps(self, pipeline: str) -> float | None:
        """Frames a second that a pipeline looked at; None where its configuration does not say."""
        job = self.sampled.get(pipeline) or self.jobs.get(pipeline)
        return None if job is None else sample_fps(pipeline, info_of(job, pipeline), self.fps)

    def name_for(self, label: str | None) -> str:
        """The name of whoever has this label, else the label; empty without a label."""
        return self.names.get(label, label) if label else ""

    def counts(self, row: Annotation) -> bool:
        """Whether a row shares a moment with a stretch that counts."""
        if self.stretches is None:
            return True
        start_s = row.timestamp_seconds or 0.0
        end_s = start_s if row.end_seconds is None else row.end_seconds
        before = bisect_right(self.stretches, end_s, key=lambda stretch: stretch[0])
        # They are apart, so that only the last two that begin before the row's end can reach into it.
        return any(_share(start_s, end_s, *self.stretches[at]) for at in range(max(0, before - 2), before))


def _share(start_s: float, end_s: float, first_s: float, last_s: float) -> bool:
    """Whether two half-open intervals share a moment; one without length is the moment itself."""
    if start_s == end_s or first_s == last_s:
        return first_s <= start_s < max(last_s, first_s + 1e-9) or start_s <= first_s < end_s
    return start_s < last_s and first_s < end_s
