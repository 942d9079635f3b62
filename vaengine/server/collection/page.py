"""Pages of the collection: filtered, sorted, from where the page before ended, with counts."""

from __future__ import annotations

import base64
import binascii
import json
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from schemas.errors import UsageError
from vaengine.server.collection.entry import VideoEntry
from vaengine.server.collection.index import Snapshot

SortKey = Literal["name", "path", "duration", "status", "annotations", "created", "completed", "size"]
Facet = Mapping[str, int]
MAX_FACET_VALUES: Final = 50

SORTS: Final[Mapping[str, Callable[[VideoEntry], Any]]] = {
    "name": lambda video: video.name.casefold(),
    "path": lambda video: video.path,
    "duration": lambda video: video.duration_s,
    "status": lambda video: video.status,
    "annotations": lambda video: video.annotations,
    "created": lambda video: video.created_at.isoformat(),
    "completed": lambda video: video.completed_at.isoformat() if video.completed_at else None,
    "size": lambda video: video.size_bytes,
}
FACETS: Final[Mapping[str, Callable[[VideoEntry], Iterable[str]]]] = {
    "status": lambda video: [video.status],
    "batch": lambda video: [video.batch_id] if video.batch_id else [],
    "failure": lambda video: {state.failure_kind for state in video.pipelines.values() if state.failure_kind},
    "preset": lambda video: {state.preset for state in video.pipelines.values() if state.preset},
    "pipeline": lambda video: video.pipelines,
    "warning": lambda video: ["yes"] if video.has_warning else [],
}


@dataclass(frozen=True, slots=True)
class VideoFilter:
    """Which videos are listed: all given conditions hold; `text` is a part of the path, in any case."""

    text: str = ""
    status: tuple[str, ...] = ()
    batch: str | None = None
    pipeline: str | None = None
    failure: str | None = None
    preset: str | None = None
    warning: bool | None = None
    min_duration_s: float | None = None
    max_duration_s: float | None = None

    def passes(self, video: VideoEntry) -> bool:
        """Whether a video is listed."""
        duration_s = video.duration_s or 0.0
        return (
            (not self.text or self.text.casefold() in video.path.casefold() or self.text in video.video_id)
            and (not self.status or video.status in self.status)
            and (self.batch is None or video.batch_id == self.batch)
            and (self.pipeline is None or self.pipeline in video.pipelines)
            and (self.failure is None or self.failure in FACETS["failure"](video))
            and (self.preset is None or self.preset in FACETS["preset"](video))
            and (self.warning is None or self.warning == video.has_warning)
            and (self.min_duration_s is None or duration_s >= self.min_duration_s)
            and (self.max_duration_s is None or duration_s <= self.max_duration_s)
        )


@dataclass(frozen=True, slots=True)
class VideoPage:
    """One page of videos; `total` counts all that pass the filter, `next_page` goes on after the last."""

    videos: tuple[VideoEntry, ...]
    total: int
    next_page: str | None
    facets: Mapping[str, Facet]


def page_of(
    snapshot: Snapshot,
    wanted: VideoFilter,
    sort: SortKey = "name",
    *,
    descending: bool = False,
    limit: int = 100,
    page: str | None = None,
) -> VideoPage:
    """A page of the collection; unknown values come last, equal ones by video id.

    Raises `UsageError` for a page of another order.
    """
    passing = [video for video in _sorted(snapshot, sort) if wanted.passes(video)]
    if descending:
        known = [video for video in passing if SORTS[sort](video) is not None]
        passing = known[::-1] + [video for video in passing if SORTS[sort](video) is None]
    begin = _begin(passing, sort, descending=descending, page=page) if page else 0
    shown = passing[begin : begin + limit]
    more = begin + limit < len(passing)
    return VideoPage(
        tuple(shown),
        len(passing),
        _cursor(shown[-1], sort, descending=descending) if more and shown else None,
        snapshot.once("facets", facets_of) if len(passing) == len(snapshot.videos) else facets_of(passing),
    )


def facets_of(videos: Collection[VideoEntry]) -> dict[str, Facet]:
    """How many of these videos have each value of each facet, the most frequent first."""
    return {
        name: dict(
            Counter(value for video in videos for value in values(video)).most_common(MAX_FACET_VALUES)
        )
        for name, values in FACETS.items()
    }


def _sorted(snapshot: Snapshot, sort: str) -> list[VideoEntry]:
    return snapshot.once(
        f"sorted by {sort}", lambda videos: sorted(videos, key=lambda video: _key(video, sort))
    )


def _key(video: VideoEntry, sort: str) -> tuple[bool, Any, str]:
    return _position(SORTS[sort](video), video.video_id)


def _position(value: Any, video_id: str) -> tuple[bool, Any, str]:
    return value is None, value if value is not None else 0, video_id


def _begin(videos: Sequence[VideoEntry], sort: str, *, descending: bool, page: str) -> int:
    after = _position_in(page, sort, descending=descending)
    if not descending:
        return bisect_right(videos, after, key=lambda video: _key(video, sort))
    known = sum(SORTS[sort](video) is not None for video in videos)
    if after[0]:
        return known + bisect_right(videos[known:], after, key=lambda video: _key(video, sort))
    return known - bisect_left(videos[:known][::-1], after, key=lambda video: _key(video, sort))


def _cursor(video: VideoEntry, sort: str, *, descending: bool) -> str:
    value = [sort, descending, SORTS[sort](video), video.video_id]
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _position_in(page: str, sort: str, *, descending: bool) -> tuple[bool, Any, str]:
    try:
        named, order, value, video_id = json.loads(base64.urlsafe_b64decode(page + "=" * (-len(page) % 4)))
    except (ValueError, TypeError, RecursionError, binascii.Error) as error:
        raise UsageError("the page is unknown: take the one that an answer ended with") from error
    kind = float if sort in ("duration", "annotations", "size") else str
    if (named, order) != (sort, descending) or not isinstance(video_id, str):
        raise UsageError("the page is of another order: begin without one")
    if value is not None and not isinstance(value, kind | int if kind is float else kind):
        raise UsageError("the page is unknown: take the one that an answer ended with")
    return _position(value, video_id)
