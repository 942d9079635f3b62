"""The current actor group of a run and its recorder, which are replaced together when an actor is lost."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.work.job_event import Control
from vaengine.backends.backend import ActorGroup, ExecutionBackend
from vaengine.run_loop.batch_run import BatchRun
from vaengine.run_loop.recorder import Recorder


class RunActors:
    """The actor group and the recorder of the current epoch."""

    def __init__(self, run: BatchRun, backend: ExecutionBackend) -> None:
        self._run, self._backend = run, backend
        self._actor_group: ActorGroup | None = None
        self._recorder: Recorder | None = None
        self.epoch = 0

    @property
    def actor_group(self) -> ActorGroup:
        """The current actor group."""
        if self._actor_group is None:
            raise AssertionError("the actors were not started")
        return self._actor_group

    @property
    def controls(self) -> Mapping[str, Control] | None:
        """Controls by job id, as the recorder last read them; None before it was started."""
        return self._recorder.controls if self._recorder else None

    def start(self, epoch: int) -> None:
        """Start an actor group that writes under this epoch."""
        self.epoch, entries = epoch, self._run.backlog.entries
        self._actor_group = self._backend.start_actors(epoch)
        self._recorder = Recorder(self._actor_group, epoch, lambda video_id: entries[video_id].job_id)

    def replace(self) -> None:
        """Replace the actor group by one with a new epoch; chunks that it held are redone."""
        self.stop()
        self.start(self._run.new_epoch())

    def stop(self) -> None:
        """End the recorder, and the actors if their node is still there."""
        if self._recorder is not None:
            self._recorder.close()
        self.actor_group.stop()

    def record(self) -> None:
        """Record everything that happened so far."""
        if self._recorder is not None:
            self._recorder.record()
