"""Failures by their cause: which videos and pipelines, since when, and how often trying again helps."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

from schemas.pipelines import order_of
from schemas.work.attempt import IN_QUARANTINE
from vaengine.server.collection.entry import PipelineState, VideoEntry

MAX_VIDEOS: Final = 200  # named of one group
Failure: TypeAlias = tuple[VideoEntry, str, PipelineState]  # the name and state of a failed pipeline
_NUMBER: Final = re.compile(r"0x[0-9a-fA-F]+|\d+(\.\d+)?")


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Failures of one cause: the kind, and the message without the names and numbers that differ.

    `count` counts videos, of which the first 200 are named. `message` is that of the newest. `retried` counts
    videos with this failure that were tried again before. `is_quarantined`: only a person has it tried again.
    """

    kind: str
    cause: str
    message: str
    count: int
    pipelines: tuple[str, ...]
    video_ids: tuple[str, ...]
    first_at: datetime
    last_at: datetime
    retried: int
    is_quarantined: bool


@dataclass(frozen=True, slots=True)
class RetryFigures:
    """How trying again ended: of the videos with a retry those that are complete and those that failed."""

    retried: int
    completed: int
    failed: int

    @property
    def success_rate(self) -> float | None:
        """Share of the completed among those that ended; None before the first."""
        ended = self.completed + self.failed
        return self.completed / ended if ended else None


def failure_groups(videos: Iterable[VideoEntry]) -> list[FailureGroup]:
    """The failures of the collection by cause, the most frequent first."""
    made = [_group(kind, cause, found) for (kind, cause), found in _failures(videos).items()]
    return sorted(made, key=lambda group: (-group.count, group.kind, group.cause))


def failed_pipelines(videos: Iterable[VideoEntry], kind: str, cause: str) -> dict[str, list[str]]:
    """The pipelines that failed by one cause, all of them, by the ids of their jobs."""
    pipelines: defaultdict[str, list[str]] = defaultdict(list)
    for _, name, state in _failures(videos).get((kind, cause), ()):
        pipelines[state.job_id].append(name)
    return pipelines


def _failures(videos: Iterable[VideoEntry]) -> dict[tuple[str, str], list[Failure]]:
    """The failures by their kind and cause."""
    groups: defaultdict[tuple[str, str], list[Failure]] = defaultdict(list)
    for video in videos:
        for name, state in video.pipelines.items():
            if state.status == "failed":
                cause = cause_of(state.error_message or "", video)
                groups[state.failure_kind or "", cause].append((video, name, state))
    return groups


def cause_of(message: str, video: VideoEntry) -> str:
    """A message without what differs from video to video: its path, its name, numbers."""
    for text in (video.path, video.name, video.video_id):
        message = message.replace(text, "…") if text else message
    return _NUMBER.sub("N", message).removeprefix("…: ")


def retry_figures(videos: Iterable[VideoEntry]) -> RetryFigures:
    """How trying again ended, over all videos."""
    retried = [video for video in videos if video.retry_count > 0]
    return RetryFigures(
        len(retried),
        sum(video.status == "completed" for video in retried),
        sum(video.status == "failed" for video in retried),
    )


def _group(kind: str, cause: str, found: list[Failure]) -> FailureGroup:
    newest = max(found, key=_failed_at)
    video_ids = dict.fromkeys(video.video_id for video, _, _ in found)
    return FailureGroup(
        kind,
        cause,
        newest[2].error_message or "no reason stored",
        len(video_ids),
        tuple(sorted({name for _, name, _ in found}, key=order_of)),
        tuple(video_ids)[:MAX_VIDEOS],
        min(map(_failed_at, found)),
        _failed_at(newest),
        len({video.video_id for video, _, _ in found if video.retry_count}),
        kind in IN_QUARANTINE,
    )


def _failed_at(found: Failure) -> datetime:
    """When a pipeline failed; a file that cannot be read failed when it was registered."""
    video, _, state = found
    return state.completed_at or video.completed_at or video.created_at
