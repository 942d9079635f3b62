"""Reads a picture for each match of a query: the frame that shows best what was found, and where in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from schemas.annotations.annotation import FACE_IDENTITY, Annotation, BBox
from schemas.errors import VideoError
from schemas.media.frames import Pixels
from schemas.media.video import Video
from schemas.storage.backend import ResultStore
from schemas.work.chunk import WorkKey
from schemas.work.current_result import complete_results
from vaengine.queries.match import Match
from vaengine.rendering.matches.match_clips import Unclippable, clippable
from vaengine.rendering.video_part import Extent


@dataclass(frozen=True, slots=True, eq=False)
class MatchPicture:
    """A frame of a match: `pixels` H x W x 3 uint8 BGR, upright, at `time_s`.

    `box` is where in it what was found is, in pixels. Without pixels `fault` says why there are none.
    """

    match: Match
    pixels: Pixels | None
    time_s: float
    box: BBox | None = None
    fault: str = ""


def match_pictures(store: ResultStore, matches: Sequence[Match]) -> list[MatchPicture]:
    """A picture for each match, in their order; frames of one video are read in the order of time."""
    videos = store.videos(list(dict.fromkeys(match.video_id for match in matches)))
    found = _rows_found(store, matches)
    checked, pictures = set[str](), dict[int, MatchPicture]()
    numbered = sorted(enumerate(matches), key=lambda each: (each[1].video_id, each[1].start_s))
    for number, match in numbered:
        time_s, box = _best_moment(match, found)
        try:
            video = clippable(videos.get(match.video_id), match, checked)
            pictures[number] = MatchPicture(match, frame_at(video, time_s), time_s, box)
        except (Unclippable, VideoError) as error:
            pictures[number] = MatchPicture(match, None, time_s, None, str(error))
    return [pictures[number] for number in range(len(matches))]


def frame_at(video: Video, time_s: float) -> Pixels:
    """The frame that is shown at a time, H x W x 3 uint8 BGR, upright; the first or last one outside."""
    times = (video.index.pts - video.start_pts) * float(video.time_base)
    first = max(0, int(np.searchsorted(times, time_s + 1e-6, side="right")) - 1)
    stop = float(times[first + 1]) if first + 1 < len(times) else None
    frame = next(iter(Extent.of(video, float(times[first]), stop).frames()))
    return frame.bgr(is_upright=True)


Rows = Mapping[str, Annotation]  # by id


def _rows_found(store: ResultStore, matches: Sequence[Match]) -> Mapping[str, Rows]:
    """The rows of the results that matches name, by video: those with the rows that were found."""
    found: dict[str, dict[str, Annotation]] = {}
    named = {
        video: {one for match in own for one in match.annotation_ids} for video, own in _by_video(matches)
    }
    for (video_id, pipeline), (_, result) in complete_results(store.jobs_of(sorted(named))).items():
        if not named[video_id]:
            continue
        rows = {
            row.annotation_id: row
            for row in store.annotations(WorkKey(video_id, pipeline, result.config_hash))
        }
        if not named[video_id].isdisjoint(rows):
            found.setdefault(video_id, {}).update(rows)
    return found


def _by_video(matches: Sequence[Match]) -> Iterator[tuple[str, list[Match]]]:
    ordered = sorted(matches, key=lambda match: match.video_id)
    for video, own in groupby(ordered, key=lambda match: match.video_id):
        yield video, list(own)


def _best_moment(match: Match, found: Mapping[str, Rows]) -> tuple[float, BBox | None]:
    """The time to show, and the box there: of an identity its surest face, else the middle of the match."""
    rows = found.get(match.video_id, {})
    own = [rows[one] for one in match.annotation_ids if one in rows]
    boxed = [row for row in own if row.bbox] or [
        face
        for row in own
        if row.annotation_type == FACE_IDENTITY
        for face in rows.values()
        if face.face_id == row.face_id and face.bbox
    ]
    if not boxed:
        return (match.start_s + match.end_s) / 2, None
    surest = max(
        boxed, key=lambda row: (row.confidence or 0.0, -(row.timestamp_seconds or 0.0), row.annotation_id)
    )
    return surest.timestamp_seconds or 0.0, surest.bbox
