"""The values of an export: videos and rows of a selection, read from the store one after the other."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import Final

from schemas.annotations.annotation import (
    FACE_DETECTION,
    FACE_IDENTITY,
    PERSON_DETECTION,
    PERSON_TRACK,
    SCENE_TYPE,
    Annotation,
)
from schemas.annotations.coco import frame_order
from schemas.pipelines import AUDIO, FACE, PERSON, SCENE
from schemas.storage.backend import StorageBackend
from schemas.work.chunk import WorkKey
from schemas.work.current_result import complete_results
from vaengine.exporting.values.answers import answered_by, is_sure
from vaengine.exporting.values.exported_video import ExportedVideo
from vaengine.exporting.values.frame_rows import FrameRows, by_frame, label_of, with_boxes_between
from vaengine.exporting.values.losses import Losses
from vaengine.exporting.values.options import DEFAULTS, ExportOptions
from vaengine.exporting.values.selection import Selection
from vaengine.people.resolution import EntityResolution
from vaengine.results.annotation_kinds import TYPES
from vaengine.results.presence_intervals import DEFAULT_FPS, Cut, PresenceSampling

VIDEOS_AT_ONCE: Final = 50  # whose facts and jobs are read by one statement
SHARED_FRAME: Final = "the rate is uneven, and another of its boxes has the same place at a constant rate"
PIPELINE_OF: Final[Mapping[str, str]] = {
    **dict.fromkeys(TYPES, AUDIO),
    SCENE_TYPE: SCENE,
    **dict.fromkeys((PERSON_DETECTION, PERSON_TRACK), PERSON),
    **dict.fromkeys((FACE_DETECTION, FACE_IDENTITY), FACE),
}


def _nothing(_: int) -> None:
    """Does nothing with a number of rows."""


@dataclass(frozen=True)  # no slots: cached properties need a place
class Source:
    """Reads a selection of a store; every method reads anew, so that a format may go over it twice.

    `losses` collects what a format leaves out. `listener` hears of each row that was read. With `has_human`
    what people made is among the results, by pipelines of its own.
    """

    store: StorageBackend
    selection: Selection
    options: ExportOptions = DEFAULTS
    losses: Losses = field(default_factory=Losses)
    listener: Callable[[int], None] = _nothing
    has_human: bool = False
    _read: dict[tuple[str, str], int] = field(default_factory=dict)  # rows by video and type

    def videos(self) -> Iterator[ExportedVideo]:
        """The videos in their order, with their results; those never readable are left out."""
        ids = self.selection.video_ids
        for first in range(0, len(ids), VIDEOS_AT_ONCE):
            page = ids[first : first + VIDEOS_AT_ONCE]
            known, results = self.store.videos(page), complete_results(self.store.jobs_of(page))
            for number, video_id in enumerate(page, start=first + 1):
                if video_id not in known:
                    continue
                own = {name: found for (own_id, name), found in results.items() if own_id == video_id}
                video = ExportedVideo(
                    number,
                    known[video_id],
                    {name: WorkKey(video_id, name, result.config_hash) for name, (_, result) in own.items()},
                    {name: job for name, (job, _) in own.items()},
                    self._names(video_id),
                    self.selection.stretches.get(video_id),
                )
                yield video if self.has_human else answered_by(video, self.options.source)

    def rows(self, video: ExportedVideo, *kinds: str) -> Iterator[Annotation]:
        """The rows of some types that count, by frame, time and id; those without a frame come first."""
        found: Counter[str] = Counter(dict.fromkeys(kinds, 0))
        for row in self._all_rows(video, kinds):
            if is_sure(row, self.options.min_confidence) and video.counts(row):
                found[row.annotation_type] += 1
                self.listener(1)
                yield row
        self._read.update({(video.video_id, kind): number for kind, number in found.items()})

    def frames(self, video: ExportedVideo, *kinds: str) -> Iterator[FrameRows]:
        """Frames with boxes of some types, in order; with `interpolate` also those between sampled ones."""
        frames = by_frame(self._boxed(video, kinds))
        if not self.options.interpolate:
            return frames
        samplings = {kind: self.sampling(video, kind) for kind in kinds}
        return with_boxes_between(frames, samplings, video.time_s)

    def frames_by_clock(self, video: ExportedVideo, *kinds: str) -> Iterator[FrameRows]:
        """The same frames as a program with a constant rate counts them; see `ExportedVideo.number_at`.

        Where the rate is uneven, frames may share a number: then a person has the first box of them.
        """
        for number, group in groupby(self.frames(video, *kinds), lambda own: video.number_at(own.time_s)):
            first, *others = group
            rows = {label_of(row) or row.annotation_id: row for row in first.rows}
            for row in (row for own in others for row in own.rows):
                if rows.setdefault(label_of(row) or row.annotation_id, row) is not row:
                    self.losses.set(row.annotation_type, SHARED_FRAME, row.annotation_id, 1)
            yield FrameRows(number, first.time_s, tuple(rows.values()) if others else first.rows)

    def sampling(self, video: ExportedVideo, kind: str) -> PresenceSampling:
        """The rule by which two boxes of one person, or face, are one appearance."""
        scenes = list(self._all_rows(video, (SCENE_TYPE,)))
        cuts = [Cut(row.frame_number or 0, row.timestamp_seconds or 0.0) for row in scenes]
        return PresenceSampling(video.sample_fps(PIPELINE_OF[kind]) or DEFAULT_FPS, tuple(cuts))

    def pictured(self) -> Iterator[ExportedVideo]:
        """The videos that have pictures."""
        return (video for video in self.videos() if video.video.has_pictures)

    def rows_read(self) -> dict[str, int]:
        """How many rows of each type were read, each counted once."""
        totals: Counter[str] = Counter()
        for (_, kind), number in self._read.items():
            totals[kind] += number
        return dict(totals)

    def count_unread(self, kinds: Iterable[str], reason: str) -> None:
        """Count rows of types that no format took as lost; without stretches the store counts them."""
        wanted = sorted(kinds)
        for video in self.videos():
            for kind, number in self._unread(video, wanted).items():
                self.losses.set(kind, reason, video.video_id, number)

    def _unread(self, video: ExportedVideo, kinds: Sequence[str]) -> Mapping[str, int]:
        if video.stretches is None and not self.options.min_confidence:
            counted = self.store.row_counts(list(video.keys.values()), kinds)
            return {kind: count.rows for by_kind in counted.values() for kind, count in by_kind.items()}
        return Counter(row.annotation_type for row in self.rows(video, *kinds))

    def _all_rows(self, video: ExportedVideo, kinds: Sequence[str]) -> Iterator[Annotation]:
        by_pipeline: defaultdict[str, list[str]] = defaultdict(list)
        for kind in kinds:
            by_pipeline[PIPELINE_OF[kind]].append(kind)
        keys = ((video.keys[name], own) for name, own in by_pipeline.items() if name in video.keys)
        streams = [self.store.each_annotation(key, own) for key, own in keys]
        return streams[0] if len(streams) == 1 else heapq.merge(*streams, key=frame_order)

    def _boxed(self, video: ExportedVideo, kinds: Sequence[str]) -> Iterator[Annotation]:
        """Rows with a box in a frame; others, which only a hand saves, are lost."""
        reason = "has no box, no frame or no time"
        for row in self.rows(video, *kinds):
            if row.bbox is None or row.frame_number is None or row.timestamp_seconds is None:
                self.losses.set(row.annotation_type, reason, row.annotation_id, 1)
            else:
                yield row

    def _names(self, video_id: str) -> Mapping[str, str]:
        if self._people is None:
            return {}
        people = self._people.in_video(video_id)
        return {label: person.name for label, person in people.items() if person.name}

    @cached_property
    def _people(self) -> EntityResolution | None:
        return EntityResolution(self.store, self.options.source) if self.store.people().edits else None
