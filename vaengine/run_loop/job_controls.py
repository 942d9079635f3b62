"""What people ask of a running batch from another terminal, carried out."""

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

CALLED_OFF = "cancelled by request"


class JobControlHandler:
    """Holds the videos of jobs that are paused or called off; remembers what ended, to know what is asked
    for again.
    """

    def __init__(self, backlog: Backlog) -> None:
        self._backlog = backlog
        self._cancelled: set[str] = set()  # videos
        self._held: frozenset[str] = frozenset()

    def apply(self, controls: Mapping[str, Control], actor_group: ActorGroup, epoch: int) -> None:
        """Begin nothing of paused jobs, and end called-off ones at once: what of them is in work is
        refused when it comes in.
        """
        videos = (
            {entry.job_id: entry.video_id for entry in self._backlog.entries.values()} if controls else {}
        )
        asked = {videos[job_id]: control for job_id, control in controls.items() if job_id in videos}
        for video_id in [
            video_id
            for video_id, control in asked.items()
            if control is Control.CANCEL and video_id not in self._cancelled
        ]:
            self._cancel(video_id, actor_group, epoch)
        held = frozenset(asked) | self._cancelled
        if held != self._held:
            self._held = held
            actor_group.coordinator.hold(sorted(held))

    def _cancel(self, video_id: str, actor_group: ActorGroup, epoch: int) -> None:
        entry = self._backlog.entries[video_id]
        self._cancelled.add(video_id)
        actor_group.store.cancel(epoch, entry.job_id)
        for key in entry.keys:
            # Those that had ended before are no news.
            actor_group.coordinator.finished(Finished(key, CALLED_OFF))

    def asked_again(self, left: RemainingWork) -> list[WorkKey]:
        """Keys of videos that had been called off and are open again."""
        again = self._cancelled.intersection(left.video_ids)
        self._cancelled -= again
        return sorted(key for key in left.lacking | set(left.to_finish) if key.video_id in again)

    def release_pending(self, left: RemainingWork, store: RunStore, epoch: int) -> None:
        """Leave what is left as pending, for whoever comes next."""
        keys = sorted(left.lacking | set(left.to_finish))
        for video_id, own in groupby(keys, key=lambda key: key.video_id):
            store.mark(
                epoch,
                self._backlog.entries[video_id].job_id,
                [key.pipeline for key in own],
                JobStatus.PENDING,
            )
        store.release(epoch, keys)
