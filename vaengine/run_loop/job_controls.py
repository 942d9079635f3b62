"""Carries out the controls of a running batch's jobs: pause, cancel and retry from another terminal."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby

from schemas.storage.backend import RunStore
from schemas.work.chunk import WorkKey
from schemas.work.job import JobStatus
from schemas.work.job_event import Control
from schemas.work.progress import Finished
from vaengine.backends.backend import ActorGroup
from vaengine.planning.backlog import Backlog, RemainingWork

CANCELLED_MESSAGE = "cancelled by request"


class JobControlHandler:
    """Holds the videos of paused and cancelled jobs.

    It remembers the cancelled ones, to notice when somebody opens them again.
    """

    def __init__(self, backlog: Backlog) -> None:
        self._backlog = backlog
        self._cancelled: set[str] = set()  # video ids
        self._held: frozenset[str] = frozenset()  # video ids

    def apply(self, controls: Mapping[str, Control], actor_group: ActorGroup, epoch: int) -> None:
        """Begin no chunk of paused jobs, and cancel jobs at once.

        The store refuses chunks of cancelled jobs that are still in work.
        """
        videos = self._backlog.entries.of_jobs(controls) if controls else {}
        control_by_video = {video_id: controls[job_id] for job_id, video_id in videos.items()}
        for video_id, control in control_by_video.items():
            if control is Control.CANCEL and video_id not in self._cancelled:
                self._cancel(video_id, actor_group, epoch)
        held = frozenset(control_by_video) | self._cancelled
        if held != self._held:
            self._held = held
            actor_group.coordinator.hold(sorted(held))

    def _cancel(self, video_id: str, actor_group: ActorGroup, epoch: int) -> None:
        entry = self._backlog.entries[video_id]
        self._cancelled.add(video_id)
        actor_group.store.cancel(epoch, entry.job_id)
        for key in entry.keys:
            # The coordinator ignores keys that had ended before.
            actor_group.coordinator.finished(Finished(key, CANCELLED_MESSAGE))

    def reopened_keys(self, left: RemainingWork) -> list[WorkKey]:
        """Keys of videos that were cancelled and have remaining work again; forgets their cancellation."""
        reopened = self._cancelled.intersection(left.video_ids)
        self._cancelled -= reopened
        return sorted(key for key in left.lacking | set(left.to_finish) if key.video_id in reopened)

    def release_pending(self, left: RemainingWork, store: RunStore, epoch: int) -> None:
        """Mark the remaining work as pending and release its leases, for any other run."""
        keys = sorted(left.lacking | set(left.to_finish))
        for video_id, video_keys in groupby(keys, key=lambda key: key.video_id):
            job_id = self._backlog.entries[video_id].job_id
            store.mark(epoch, job_id, [key.pipeline for key in video_keys], JobStatus.PENDING)
        store.release(epoch, keys)
