"""The current actors of a run and their recorder; they are replaced together when one is lost."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.work.job_event import Control
from vaengine.backends.backend import ActorGroup, ExecutionBackend
from vaengine.run_loop.batch_run import BatchRun
from vaengine.run_loop.recorder import Recorder


class RunActors:
    """Started for an epoch, and stopped before they are started for another."""

    def __init__(self, run: BatchRun, backend: ExecutionBackend) -> None:
        self._run, self._backend = run, backend
        self._actor_group: ActorGroup | None = None
        self._recorder: Recorder | None = None
        self.epoch = 0

    @property
    def actor_group(self) -> ActorGroup:
        """Their handles."""
        if self._actor_group is None:
            raise AssertionError("actors are started before they are asked")
        return self._actor_group

    @property
    def controls(self) -> Mapping[str, Control] | None:
        """What people ask of jobs, by job, as the recorder read it last; None before it runs."""
        return self._recorder.controls if self._recorder else None

    def start(self, epoch: int) -> None:
        """Start actors that write under this epoch."""
        self.epoch, entries = epoch, self._run.backlog.entries
        self._actor_group = self._backend.start_actors(epoch)
        self._recorder = Recorder(self._actor_group, epoch, lambda video_id: entries[video_id].job_id)

    def replace(self) -> None:
        """Start others with a new epoch: what these held is missing and done again."""
        self.stop()
        self.start(self._run.new_epoch())

    def stop(self) -> None:
        """End the recorder, and the actors where their node is still there."""
        if self._recorder is not None:
            self._recorder.close()
        self.actor_group.stop()

    def record(self) -> None:
        """Have everything recorded that happened so far."""
        if self._recorder is not None:
            self._recorder.record()
