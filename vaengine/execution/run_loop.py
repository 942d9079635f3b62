"""A crew at work: what is fresh in passes, what is suspect alone, round after round until nothing is left
or the run stops.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from actors.coordination.coordinator import RunStatus
from actors.isolation.limits import SandboxLimits, resident_bytes
from actors.stores.engines.address import without_password
from cluster.placement import Placement
from cluster.processes import end_process
from cluster.session import Session
from schemas.errors import StoreFailed
from schemas.work.audio_block import AudioBlock
from schemas.work.progress import Finished, Snapshot
from vaengine.execution.actor_group import ActorGroup, RunContext, planned_video, start_actors
from vaengine.execution.audio_pool import blocks_at_once, run_audio_pool
from vaengine.execution.dataset import Pass, PassAbandoned, run_pass
from vaengine.execution.failures import FailureHandler, spent_by_video, suspects_among
from vaengine.execution.isolation_pool import IsolationPool, pool_size
from vaengine.execution.job_controls import JobControlHandler
from vaengine.execution.recorder import Recorder
from vaengine.execution.watchdog import Watchdog
from vaengine.planning.backlog import Backlog, PageWork, RemainingWork
from vaengine.planning.plan import WorkItem, block_groups, work_items
from vaengine.planning.probing import Probing
from vaengine.planning.suspects import Suspect, few
from vaengine.requests.request import RunRequest

TICK_SECONDS: Final = 0.25
STOP_SECONDS: Final = 60.0  # how long chunks in work may take to end after a stop before they are given up
GIVE_UP_SECONDS: Final = 10.0  # how long a pass may take to end once it is given up
OTHERS_SECONDS: Final = 1.0  # from one look at what another run holds to the next

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RunCallbacks:
    """What the engine lends a shift: its ears, its eyes and its pen."""

    stopped_by: Callable[[], str | None]
    listener: Callable[[Snapshot], None]
    ended: Callable[[list[Finished]], None]  # pipelines that ended since the last call
    new_epoch: Callable[[], int]
    stoppable: Callable[
        [], contextlib.AbstractContextManager[None]
    ]  # for a wait while nothing is in work, which a stop ends at once


class RunLoop:
    """Works through a run on one Ray session."""

    def __init__(
        self,
        request: RunRequest,
        session: Session,
        placement: Placement,
        intake: Backlog,
        controls: RunCallbacks,
    ) -> None:
        self._request, self._session, self._placement = request, session, placement
        self._intake, self._controls = intake, controls
        self._crew: ActorGroup | None = None
        self._recorder: Recorder | None = None
        self.epoch = 0
        self._running: list[threading.Thread] = []
        self._given_up = threading.Event()
        self._pings: list[Any] = []
        self._stop_deadline = 0.0
        self._trouble: str | None = None  # what Ray said when a pass broke
        self._obedience = JobControlHandler(intake)
        self._limits = SandboxLimits.of(request.settings)
        self._watchdog = Watchdog(request.settings.engine.watchdog_seconds)
        self.snapshot = Snapshot()
        self.passes = 0
        self.halted: str | None = None

    def run(self, first: PageWork, probing: Probing, epoch: int) -> None:
        """All pages, then rounds over what is missing, then an end for what still is."""
        self._controls.listener(
            self.snapshot
        )  # at once: ray.init has just taken the SIGTERM handler, and a listener takes it back
        self._hire(epoch)
        try:
            self._first_passes(first, probing)
            self._rounds()
            self._conclude()
        finally:
            self._give_up_passes()
            self._dismiss()

    def _first_passes(self, first: PageWork, probing: Probing) -> None:
        work: PageWork | None = first
        while work is not None:
            with self._surviving():
                with (
                    self._controls.stoppable() if work is first else contextlib.nullcontext()
                ):  # for actors that start
                    self._begin(work, last=probing.exhausted)
                    fresh, _ = self._sorted(work.left)
                self._pass(fresh)
            work = self._next_page(probing)

    def _next_page(self, probing: Probing) -> PageWork | None:
        """The next page of work, None at the end; registered once more by the next crew where this one's
        store dies over it.
        """
        if probing.exhausted or self._over():
            return None
        engine = self._request.settings.engine
        page = probing.page(engine.page_chunks, engine.chunk_seconds)
        for _ in range(2):
            with self._surviving():
                return self._intake.take(page, self._crew_here.store, self.epoch)
        raise StoreFailed(without_password(self._request.store_url), self._trouble)

    def _rounds(self) -> None:
        """Until nothing is left, here or in the hands of another run; rounds that change nothing come to
        an end.
        """
        idle, before = 0, None
        while not self._over():
            with self._surviving():
                left = self._left()
                if not left and not left.elsewhere:
                    return
                now = left.signature
                idle = idle + 1 if now == before and not left.elsewhere else 0
                before = now
                if idle >= self._request.settings.engine.max_passes:
                    self._verdicts().lost(left, self._trouble)
                    return
                self._round(left)

    def _round(self, left: RemainingWork) -> None:
        """Fresh work in a pass unless it is little, else that and suspects in the lane, else a moment for
        others to end what they hold.
        """
        self._resume(left)
        self._crew_here.finish(left.to_finish)
        fresh, suspects = self._sorted(left)
        alone = [*few(fresh.works, pool_size(self._placement)), *suspects]
        if fresh.has_work and len(alone) == len(suspects):
            self._pass(fresh)
        elif alone:
            self._try_alone(alone)
        else:
            self._drain()
            time.sleep(OTHERS_SECONDS if left.elsewhere else TICK_SECONDS)
            self._tick()

    def _try_alone(self, suspects: list[Suspect]) -> None:
        spent = spent_by_video(
            self._crew_here.store.attempts(list({suspect.work.token.video_id for suspect in suspects}))
        )
        lane = IsolationPool(
            self._placement,
            self._crew_here.names,
            self._request.settings,
            self._verdicts(),
            grace_s=STOP_SECONDS,
        )
        lane.run(suspects, spent)
        self._drain()
        self._tick()

    def _sorted(self, left: RemainingWork) -> tuple[RemainingWork, list[Suspect]]:
        """What was never tried, and what was."""
        if self._recorder is not None:
            self._recorder.record()
        suspects = suspects_among(left, self._crew_here.store, self.epoch)
        ids = {suspect.work.chunk_id for suspect in suspects}
        return left.of({one.chunk_id for one in left.works} - ids), suspects

    def _conclude(self) -> None:
        """After a stop, what is missing is pending and anybody's."""
        if (
            self.halted or not self._over()
        ):  # where nothing more can be stored, the next run finds out by itself
            return
        with self._surviving():
            self._obedience.release_pending(self._left(), self._crew_here.store, self.epoch)
            self._tick()

    def _left(self) -> RemainingWork:
        return self._intake.left(self._crew_here.store, self.epoch)

    def _resume(self, left: RemainingWork) -> None:
        """What ended and is asked for again may end again."""
        if again := self._obedience.asked_again(left):
            self._crew_here.forget(again)
            self._crew_here.coordinator.planned_before(again)

    def _begin(self, work: PageWork, *, last: bool) -> None:
        crew = self._crew_here
        crew.coordinator.planned([planned_video(video_id, work.left) for video_id in work.left.video_ids])
        crew.coordinator.settled(skipped=work.skipped, failures=work.failures)
        if last:
            crew.coordinator.probing_done()
        crew.finish(work.left.to_finish)

    def _pass(self, left: RemainingWork) -> None:
        """Pictures as one Dataset, and sound beside it, on helper threads watched from this one.

        Everything handed to the finalizers is done when it returns.
        """
        works = self._works(left)
        self.passes += bool(works)
        begun = [threading.Thread(target=self._run, args=(work,), name="pass", daemon=True) for work in works]
        self._running = [
            *filter(threading.Thread.is_alive, self._running),
            *begun,
        ]  # one that was given up may still be inside Ray
        for thread in begun:
            thread.start()
        while any(thread.is_alive() for thread in begun) and not self._idle_after_stop():
            max(begun, key=threading.Thread.is_alive).join(TICK_SECONDS)
            self._tick()
        self._drain()
        self._tick()

    def _works(self, left: RemainingWork) -> list[Callable[[], None]]:
        crew, request = self._crew_here, self._request
        items: list[WorkItem] = work_items(left.chunks.values(), request.settings.engine.chunk_seconds)
        groups: list[tuple[AudioBlock, ...]] = block_groups(left.all_blocks, blocks_at_once(self._placement))
        works: list[Callable[[], None]] = []
        given_up = self._given_up = threading.Event()
        if items:
            works.append(
                lambda: run_pass(
                    Pass(items, self._placement, crew.names, request.settings),
                    given_up,
                    verbose=request.verbose,
                )
            )
        if groups:
            works.append(
                lambda: run_audio_pool(groups, self._placement, crew.names, request.settings, given_up)
            )
        return works

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except PassAbandoned:
            log.info("a pass was given up")
        except Exception as error:  # noqa: BLE001 a broken pass is not the end: the manifest says what is missing, the next round does it
            self._trouble = (str(error).strip() or repr(error)).splitlines()[-1][:300]
            log.warning("a pass broke: %s", error)

    def _drain(self) -> None:
        """Wait for the finalizers, showing progress meanwhile: a long video's tracks take seconds."""
        import ray

        waiting = self._crew_here.draining()
        while ray.wait(waiting, num_returns=len(waiting), timeout=TICK_SECONDS)[1]:
            self._tick()
        ray.get(waiting)

    def _tick(self) -> None:
        """Pass on a stop and what people ask, end what hangs, show how the run stands, have files written
        for what ended.
        """
        self._session.require_node()
        crew = self._crew_here
        self._pings = crew.alive(self._pings)
        if self._controls.stopped_by() and not self.snapshot.stopping:
            crew.coordinator.stop()
        if self._recorder is not None:
            self._obedience.apply(self._recorder.controls, crew, self.epoch)
        standing: RunStatus = crew.coordinator.ask("standing")
        self.snapshot, self.halted = standing.snapshot, self.halted or standing.halted
        if standing.plan_lost:
            left = self._left()
            crew.coordinator.planned_before(sorted(left.lacking | set(left.to_finish)))
        self._watchdog.look(standing)
        self._end_what_hangs(standing)
        self._controls.listener(self.snapshot)
        self._controls.ended(list(standing.finished))

    def _end_what_hangs(self, standing: RunStatus) -> None:
        """Workers that are silent for too long, and those of this machine that take too much memory; what
        they held is suspect.
        """
        for call in standing.calls:
            here = call.worker.node_id == self._session.node_id
            if call.stalled or (here and resident_bytes(call.worker.pid) > self._limits.memory_bytes):
                log.warning("ended: %s", call)
                self._crew_here.coordinator.idle(call.worker)
                end_process(self._session, call.worker.node_id, call.worker.pid)

    def _over(self) -> bool:
        return bool(self._controls.stopped_by() or self.halted)

    def _idle_after_stop(self) -> bool:
        """Whether a stop has left nothing in work; Ray Data itself would first hand out every item that
        waits.
        """
        if not self.snapshot.stopping:
            self._stop_deadline = time.monotonic() + STOP_SECONDS
            return False
        return self.snapshot.in_work == 0 or time.monotonic() > self._stop_deadline

    @contextlib.contextmanager
    def _surviving(self) -> Iterator[None]:
        """When an actor of the crew is gone for good, a new crew takes over with a new epoch; what was
        held is missing and redone.
        """
        import ray

        try:
            yield
        except ray.exceptions.RayActorError as error:
            self._session.require_node()
            self._trouble = str(error).strip().splitlines()[0][:200]
            log.warning("an actor of the crew is gone, a new crew takes over: %s", error)
            self._give_up_passes()
            self._dismiss()
            self._hire(self._controls.new_epoch())

    def _give_up_passes(self) -> None:
        """Have helper threads leave Ray: one that still calls it while the session ends has Ray end the
        whole process.
        """
        self._given_up.set()
        for thread in self._running:
            thread.join(GIVE_UP_SECONDS)

    def _verdicts(self) -> FailureHandler:
        return FailureHandler(self._crew_here, self._intake, self.epoch, self._tick, self._over)

    @property
    def _crew_here(self) -> ActorGroup:
        if self._crew is None:
            raise AssertionError("a crew is hired before it is asked")
        return self._crew

    def _hire(self, epoch: int) -> None:
        self.epoch, self._pings = epoch, []
        request = self._request
        work = RunContext(
            request.store_url,
            epoch,
            request.settings,
            tuple(request.pipelines),
            keep_runs=request.keep_runs,
            keep_complete=not request.replace,
        )
        self._crew = start_actors(f"vaengine-{request.batch_id}-{epoch}", self._session, work)
        self._recorder = Recorder(self._crew, epoch, lambda video_id: self._intake.entries[video_id].job_id)

    def _dismiss(self) -> None:
        if self._recorder is not None:
            self._recorder.close()
        if self._session.has_node:
            self._crew_here.dismiss()
