"""The actors that work for a run at the moment, with the recorder beside them; replaced together where
one is gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cluster.session import Session
from schemas.work.job_event import Control
from vaengine.execution.actor_group import ActorGroup, RunContext, start_actors
from vaengine.execution.batch_run import BatchRun
from vaengine.execution.recorder import Recorder


class RunActors:
    """Started for an epoch, and stopped before they are started for another."""

    def __init__(self, run: BatchRun, session: Session) -> None:
        self._run, self._session = run, session
        self._crew: ActorGroup | None = None
        self._recorder: Recorder | None = None
        self._pings: list[Any] = []
        self.epoch = 0

    @property
    def crew(self) -> ActorGroup:
        """Their handles."""
        if self._crew is None:
            raise AssertionError("actors are started before they are asked")
        return self._crew

    @property
    def controls(self) -> Mapping[str, Control] | None:
        """What people ask of jobs, by job, as the recorder read it last; None before it runs."""
        return self._recorder.controls if self._recorder else None

    def start(self, epoch: int) -> None:
        """Start actors that write under this epoch."""
        self.epoch, self._pings = epoch, []
        request, entries = self._run.request, self._run.intake.entries
        work = RunContext(
            request.store_url,
            epoch,
            request.settings,
            tuple(request.pipelines),
            keep_runs=request.keep_runs,
            keep_complete=not request.replace,
        )
        self._crew = start_actors(f"vaengine-{request.batch_id}-{epoch}", self._session, work)
        self._recorder = Recorder(self._crew, epoch, lambda video_id: entries[video_id].job_id)

    def replace(self) -> None:
        """Start others with a new epoch: what these held is missing and done again."""
        self.stop()
        self.start(self._run.new_epoch())

    def stop(self) -> None:
        """End the recorder, and the actors where their node is still there."""
        if self._recorder is not None:
            self._recorder.close()
        if self._session.has_node:
            self.crew.dismiss()

    def require_alive(self) -> None:
        """Raises Ray's `RayActorError` once one of them is gone for good."""
        self._pings = self.crew.alive(self._pings)

    def record(self) -> None:
        """Have everything recorded that happened so far."""
        if self._recorder is not None:
            self._recorder.record()
