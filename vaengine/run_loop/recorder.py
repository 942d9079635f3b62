"""The recorder: writes events and heartbeats of a run to the store, and reads the controls of its jobs."""

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
    """A thread that records in batches, one for each actor group.

    It is not the main thread, which may probe files for minutes. `job_of` returns the job id of a video id.
    """

    def __init__(self, actor_group: ActorGroup, epoch: int, job_of: Callable[[str], str]) -> None:
        self._actor_group, self._epoch, self._job_of = actor_group, epoch, job_of
        self._attempts: list[Attempt] = []  # not written yet
        self._starts: list[PipelineStart] = []  # not written yet
        self._recording = threading.Lock()
        self._ended = threading.Event()
        self.controls: Mapping[str, Control] = {}  # by job id
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def record(self) -> None:
        """Write the heartbeat, progress, attempts and started pipelines in one transaction; read controls."""
        with self._recording:
            attempts, snapshot = self._actor_group.coordinator.batch()
            self._attempts += attempts
            self._starts += [
                PipelineStart(self._job_of(key.video_id), key.video_id, key.pipeline, started_at)
                for key, started_at in self._actor_group.coordinator.starts().items()
            ]
            self._actor_group.store.record(self._epoch, self._attempts, snapshot.to_json(), self._starts)
            self._attempts, self._starts = [], []
        self.controls = self._actor_group.store.controls()

    def close(self) -> None:
        """End the thread."""
        self._ended.set()
        self._thread.join(CLOSE_SECONDS)  # without Ray it may wait for an answer for ever

    def _run(self) -> None:
        while not self._ended.wait(RECORD_SECONDS):
            try:
                self.record()
            except NodeLost:  # the main thread notices it as well
                return
            except VaengineError as error:
                log.warning("%s", error)
                self._actor_group.coordinator.halt(str(error))
            # The main thread notices it, and starts another actor group with a recorder.
            except self._actor_group.unavailable_errors as error:
                log.warning("nothing can be recorded: %s", error)
                return
