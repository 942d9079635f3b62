"""The run loop: works through a run in passes and isolated attempts until nothing is left or it stops."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator
from typing import Final

from actors.coordination.coordinator import RunStatus
from actors.isolation.limits import SandboxLimits, resident_bytes
from actors.stores.engines.address import without_password
from schemas.errors import StoreFailed
from schemas.work.progress import Snapshot, Worker
from schemas.work.retry import RetryPolicy
from vaengine.backends.actor_group import TICK_SECONDS, planned_video
from vaengine.backends.backend import ExecutionBackend
from vaengine.planning.backlog import PageWork, RemainingWork
from vaengine.planning.suspects import Suspect, few
from vaengine.run_loop.batch_run import BatchRun, RunResult
from vaengine.run_loop.evictions import StuckPass, evictions
from vaengine.run_loop.failures import FailureHandler, spent_by_video, suspects_among
from vaengine.run_loop.isolation_pool import IsolationPool
from vaengine.run_loop.job_controls import JobControlHandler
from vaengine.run_loop.pass_runner import PassRunner
from vaengine.run_loop.run_actors import RunActors
from vaengine.run_loop.turnover import Turnover
from vaengine.run_loop.watchdog import Watchdog

STOP_SECONDS: Final = 60.0  # time that chunks in work have to end after a stop
OTHERS_SECONDS: Final = 1.0  # between two looks at work that another run holds

log = logging.getLogger(__name__)


class RunLoop:
    """Works through a run on one backend."""

    def __init__(self, run: BatchRun, backend: ExecutionBackend) -> None:
        settings = run.request.settings
        self._run, self._backend = run, backend
        self._actors = RunActors(run, backend)
        self._passes = PassRunner(backend.pass_works)
        self._job_controls = JobControlHandler(run.backlog)
        self._limits = SandboxLimits.of(settings)
        self._watchdog = Watchdog(settings.engine.watchdog_seconds, look=backend.shortage)
        self._turnover = Turnover(backend.is_outgrown, self._pause, STOP_SECONDS)
        self._was_turned_over = False
        self._stuck_pass = StuckPass(settings.engine.worker_silent_seconds)
        self._taken: list[str] = []  # chunks, from workers, since somebody looked
        self._stop_deadline = 0.0
        self._snapshot = Snapshot()
        self._halted: str | None = None

    def run(self, first: PageWork, epoch: int) -> RunResult:
        """Work through all pages, then through what is missing in rounds, then release what is left."""
        # At once: ray.init has just taken the SIGTERM handler, and the `progress` callback takes it back.
        self._run.callbacks.progress(self._snapshot)
        self._actors.start(epoch)
        try:
            self._first_passes(first)
            self._rounds()
            self._conclude()
        finally:
            self._passes.give_up()
            self._actors.stop()
        return RunResult(self._actors.epoch, self._snapshot, self._passes.begun, self._halted)

    def _first_passes(self, first: PageWork) -> None:
        work: PageWork | None = first
        while work is not None:
            with self._surviving():
                # Actors take long to start: a stop does not wait for them.
                with self._run.stop.interruptible() if work is first else contextlib.nullcontext():
                    self._begin(work, last=self._run.probing.exhausted)
                    untried, _ = self._split(work.left)
                self._pass(untried)
            work = self._next_page()

    def _next_page(self) -> PageWork | None:
        """Probe and register the next page; None at the end of the inputs or of the run.

        If the store dies meanwhile, the store of the next actor group registers the page.
        """
        run, engine = self._run, self._run.request.settings.engine
        if run.probing.exhausted or self._over():
            return None
        page = run.probing.page(engine.page_chunks, engine.chunk_seconds)
        for _ in range(2):
            with self._surviving():
                return run.backlog.take(page, self._actors.actor_group.store, self._actors.epoch)
        raise StoreFailed(without_password(run.request.store_url), self._passes.last_error)

    def _rounds(self) -> None:
        """Work in rounds until nothing is left in this run or another one.

        After `engine.max_passes` rounds that changed nothing, the remaining pipelines fail.
        """
        unchanged_rounds, last_signature = 0, None
        while not self._over():
            with self._surviving():
                left = self._left()
                if not left and not left.elsewhere:
                    return
                is_unchanged = left.signature == last_signature and not (
                    left.elsewhere or self._was_turned_over
                )
                unchanged_rounds = unchanged_rounds + 1 if is_unchanged else 0
                last_signature, self._was_turned_over = left.signature, False
                if unchanged_rounds >= self._run.request.settings.engine.max_passes:
                    self._failures().give_up_all(left, self._passes.last_error)
                    return
                self._round(left)

    def _round(self, left: RemainingWork) -> None:
        """Do untried work in a pass; if it is little, in the isolation pool together with the suspects.

        If there is neither, wait for the finalizers or for another run.
        """
        self._resume(left)
        self._actors.actor_group.finish(left.to_finish)
        untried, suspects = self._split(left)
        alone = [*few(untried.works, self._backend.pool_size), *suspects]
        if untried.has_work and len(alone) == len(suspects):
            self._pass(untried)
        elif alone:
            self._try_alone(alone)
        else:
            self._drain()
            time.sleep(OTHERS_SECONDS if left.elsewhere else TICK_SECONDS)
            self._tick()

    def _try_alone(self, suspects: list[Suspect]) -> None:
        """Try suspects in the isolation pool, whose workers end with its generator, also after an error."""
        actor_group, policy = self._actors.actor_group, RetryPolicy.of(self._run.request.settings.recovery)
        video_ids = list({suspect.work.token.video_id for suspect in suspects})
        spent = spent_by_video(actor_group.store.attempts(video_ids))
        pool = IsolationPool(
            lambda most: self._backend.trial_workers(actor_group, most), policy, grace_s=STOP_SECONDS
        )
        failures = self._failures()
        with contextlib.closing(pool.run(suspects, spent)) as updates:
            for update in updates:
                failures.apply(update)
                self._tick()
                pool.abandon(self._taken)
                self._taken = []
                if self._over():
                    pool.stop()
        self._drain()

    def _split(self, left: RemainingWork) -> tuple[RemainingWork, list[Suspect]]:
        """Split work into chunks and blocks that were never tried, and those that were."""
        self._actors.record()
        suspects = suspects_among(left, self._actors.actor_group.store, self._actors.epoch)
        suspect_ids = {suspect.work.chunk_id for suspect in suspects}
        return left.of({work.chunk_id for work in left.works} - suspect_ids), suspects

    def _conclude(self) -> None:
        """Release the remaining work of a stopped run as pending."""
        # A halted run cannot store anything; the next run finds its work by itself.
        if self._halted or not self._over():
            return
        with self._surviving():
            self._job_controls.release_pending(
                self._left(), self._actors.actor_group.store, self._actors.epoch
            )
            self._tick()

    def _left(self) -> RemainingWork:
        return self._run.backlog.left(self._actors.actor_group.store, self._actors.epoch)

    def _resume(self, left: RemainingWork) -> None:
        """Let cancelled pipelines that somebody opened again be finished once more."""
        if reopened := self._job_controls.reopened_keys(left):
            self._actors.actor_group.forget(reopened)
            self._actors.actor_group.coordinator.planned_before(reopened)

    def _begin(self, work: PageWork, *, last: bool) -> None:
        """Announce a page to the coordinator, and finish its keys that need no further chunk."""
        actor_group = self._actors.actor_group
        actor_group.coordinator.planned(
            [planned_video(video_id, work.left) for video_id in work.left.video_ids]
        )
        actor_group.coordinator.videos_without_work(skipped=work.skipped, failures=work.failures)
        if last:
            actor_group.coordinator.probing_done()
        actor_group.finish(work.left.to_finish)

    def _pass(self, left: RemainingWork) -> None:
        """Run one pass, and wait for the finalizers."""
        self._stuck_pass.begin()
        for _ in self._passes.run(left, self._actors.actor_group):
            status = self._tick()
            if self._idle_after_stop():
                break
            if self._turnover.is_over(status.snapshot) or self._is_stuck(status):
                self._passes.give_up()
                break
        self._was_turned_over = self._turnover.end()
        self._drain()

    def _is_stuck(self, status: RunStatus) -> bool:
        if is_stuck := self._stuck_pass.is_stuck(status):
            log.warning("the pass waits for workers that are cut off; what is missing is done in another")
        return is_stuck

    def _pause(self, paused: bool) -> None:
        self._actors.actor_group.coordinator.pause(paused=paused)

    def _drain(self) -> None:
        """Wait for the finalizers and show progress meanwhile: the tracks of a long video take seconds."""
        for _ in self._actors.actor_group.drain():
            self._tick()
        self._tick()

    def _tick(self) -> RunStatus:
        """Do what is due several times a second, on the main thread.

        It passes a stop and job controls on, evicts workers, and calls the run's callbacks.
        """
        self._backend.session.require_node()
        actor_group = self._actors.actor_group
        actor_group.require_alive()
        if self._run.stop and not self._snapshot.stopping:
            actor_group.coordinator.stop()
        if (controls := self._actors.controls) is not None:
            self._job_controls.apply(controls, actor_group, self._actors.epoch)
        status = actor_group.coordinator.status()
        self._snapshot, self._halted = status.snapshot, self._halted or status.halted
        if status.plan_lost:
            left = self._left()
            actor_group.coordinator.planned_before(sorted(left.lacking | set(left.to_finish)))
        self._watchdog.look(status)
        self._evict(status)
        self._run.callbacks.progress(self._snapshot)
        self._run.callbacks.finished(status.finished)
        return status

    def _evict(self, status: RunStatus) -> None:
        """Take from workers what they hold, have their late commits refused, and end those within reach."""
        actor_group = self._actors.actor_group
        for one in evictions(status, self._takes_too_much_memory):
            log.warning("%s", one)
            taken = actor_group.coordinator.take_from(one.worker, one.reason)
            actor_group.fence(taken)
            self._taken += [token.chunk_id for token in taken]
            self._stuck_pass.evicted()
            self._backend.end_worker(one.worker)

    def _takes_too_much_memory(self, worker: Worker) -> bool:
        """Whether a worker of this machine does."""
        is_here = worker.node_id == self._backend.session.node_id
        return is_here and resident_bytes(worker.pid) > self._limits.memory_bytes

    def _over(self) -> bool:
        return bool(self._run.stop or self._halted)

    def _idle_after_stop(self) -> bool:
        """Whether nothing is in work after a stop, or too long after it.

        Ray Data itself would begin every item of the pass first.
        """
        if not self._snapshot.stopping:
            self._stop_deadline = time.monotonic() + STOP_SECONDS
            return False
        return self._snapshot.in_work == 0 or time.monotonic() > self._stop_deadline

    @contextlib.contextmanager
    def _surviving(self) -> Iterator[None]:
        """A context that starts a new actor group with a new epoch when an actor is gone for good.

        Chunks that the lost actors held are redone.
        """
        try:
            yield
        except self._backend.lost_actor_errors as error:
            self._backend.session.require_node()
            self._passes.last_error = str(error).strip().splitlines()[0][:200]
            log.warning("an actor is gone, new actors take over: %s", error)
            self._passes.give_up()
            self._actors.replace()

    def _failures(self) -> FailureHandler:
        return FailureHandler(self._actors.actor_group, self._run.backlog, self._actors.epoch)
