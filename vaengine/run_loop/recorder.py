"""Writes events and heartbeats of a run to the store in batches, and reads the controls of its jobs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Final

from schemas.errors import NodeLost, VaengineError
from schemas.work.attempt import Attempt, PipelineStart
from schemas.work.job_event import Control
from vaengine.backends.backend import ActorGroup

CLOSE_SECONDS: Final = 3.0
RECORD_SECONDS: Final = 0.5  # from one batch to the next

log = logging.getLogger(__name__)


class Recorder:
    """A thread of the driver, since the main one may look at files for minutes; one for each actor group.

    `job_of` names the job of a video.
    """

    def __init__(self, actor_group: ActorGroup, epoch: int, job_of: Callable[[str], str]) -> None:
        self._actor_group, self._epoch, self._job_of = actor_group, epoch, job_of
        self._pending: list[Attempt] = []
        self._starts: list[PipelineStart] = []
        self._recording = threading.Lock()
        self._ended = threading.Event()
        self.controls: Mapping[str, Control] = {}  # by job
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def record(self) -> None:
        """One transaction: the run lives, this is how far it is, how its tries stand, and what was
        started.
        """
        with self._recording:
            changes, snapshot = self._actor_group.coordinator.batch()
            self._pending += changes
            started = self._actor_group.coordinator.starts().items()
            self._starts += [
                PipelineStart(self._job_of(key.video_id), key.video_id, key.pipeline, at)
                for key, at in started
            ]
            self._actor_group.store.record(self._epoch, self._pending, snapshot.to_json(), self._starts)
            self._pending, self._starts = [], []
        self.controls = self._actor_group.store.controls()

    def close(self) -> None:
        """End the thread."""
        self._ended.set()
        self._thread.join(CLOSE_SECONDS)  # where Ray is gone it may wait for an answer for ever

    def _run(self) -> None:
        while not self._ended.wait(RECORD_SECONDS):
            try:
                self.record()
            except NodeLost:  # the main thread finds out as well
                return
            except VaengineError as error:
                log.warning("%s", error)
                self._actor_group.coordinator.halt(str(error))
            # The main thread finds out, and starts another actor group with its own recorder.
            except self._actor_group.unavailable_errors as error:
                log.warning("nothing can be recorded: %s", error)
                return
