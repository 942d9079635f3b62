"""A crew at work: passes over pages of work, then over what is missing, until nothing is or the run stops."""

from __future__ import annotations

import contextlib
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from actors.coordinator import Finished
from actors.pieces import Failure
from cluster.placement import Placement
from cluster.session import Session
from schemas.chunk import WorkKey
from schemas.errors import StoreFailed, WorkerLost
from schemas.job import JobStatus
from schemas.progress import Snapshot
from schemas.sound import SoundBlock
from schemas.store import Outcome
from vaengine.crew import Crew, planned, start_crew
from vaengine.intake import Intake, Left, Workload
from vaengine.listening import blocks_at_once, listen
from vaengine.pipeline import Pass, run_pass
from vaengine.plan import WorkItem, alone, block_groups, work_items
from vaengine.probing import Probing
from vaengine.request import RunRequest

TICK_SECONDS = 0.25
STOP_SECONDS = 60.0  # how long chunks in work may take to end after a stop before they are given up
CREW_LOST_SECONDS = 30.0  # how long a pass whose crew is gone may take to run dry
BACKOFF_SECONDS = 1.0  # before the second pass; doubled for each further one, with jitter

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Controls:
    """What the engine lends a shift: its ears, its eyes and its pen."""

    stopped_by: Callable[[], str | None]
    listener: Callable[[Snapshot], None]
    ended: Callable[[list[Finished]], None]  # pipelines that ended since the last call
    new_epoch: Callable[[], int]


class Shift:
    """Works through a run on one Ray session."""

    def __init__(self, request: RunRequest, session: Session, placement: Placement, intake: Intake, controls: Controls) -> None:
        self._request, self._session, self._placement = request, session, placement
        self._intake, self._controls = intake, controls
        self._crew: Crew | None = None
        self.epoch = 0
        self._jobs: dict[str, str] = {}
        self._running: list[threading.Thread] = []
        self._pings: list[Any] = []
        self._stop_deadline = 0.0
        self._trouble: str | None = None  # what Ray said when a pass broke
        self.snapshot = Snapshot()
        self.passes = 0
        self.halted: str | None = None

    def work_through(self, first: Workload, probing: Probing, epoch: int) -> None:
        """All pages, then further passes over what is missing, then an end for what still is."""
        self._controls.listener(self.snapshot)  # at once: ray.init has just taken the SIGTERM handler, and a listener takes it back
        self._hire(epoch)
        try:
            self._first_passes(first, probing)
            self._further_passes()
            self._conclude()
        finally:
            self._crew_here.dismiss()

    def _first_passes(self, first: Workload, probing: Probing) -> None:
        engine = self._request.settings.engine
        work: Workload | None = first
        while work is not None:
            with self._surviving():
                self._begin(work, last=probing.exhausted)
                groups = block_groups(work.left.all_blocks, blocks_at_once(self._placement))
                self._pass(work_items(work.left.chunks.values(), engine.chunk_seconds), groups)
            work = self._next_page(probing)

    def _next_page(self, probing: Probing) -> Workload | None:
        """The next page of work, None at the end; registered once more by the next crew where this one's store dies over it."""
        if probing.exhausted or self._over():
            return None
        engine = self._request.settings.engine
        page = probing.page(engine.page_chunks, engine.chunk_seconds)
        for _ in range(2):
            with self._surviving():
                return self._intake.take(page, self._crew_here.store, self.epoch)
        raise StoreFailed(self._request.store_url, self._trouble)

    def _further_passes(self) -> None:
        for attempt in range(2, self._request.settings.engine.max_passes + 1):
            if self._over():
                return
            with self._surviving():
                left = self._left()
                if not left:
                    return
                time.sleep(BACKOFF_SECONDS * 2 ** (attempt - 2) * random.uniform(0.8, 1.2))
                self._crew_here.expect(self._jobs)
                self._crew_here.finish(left.to_finish)
                self._pass(alone(left.all_chunks, attempt), [(replace(block, attempt=attempt),) for block in left.all_blocks])

    def _conclude(self) -> None:
        """What is missing after the last pass failed with the worker that held it; after a stop it is pending."""
        if self.halted:  # nothing more can be stored
            return
        with self._surviving():
            left = self._left()
            store, entries = self._crew_here.store, self._intake.entries
            if self._over():
                keys = sorted(left.lacking | set(left.to_finish))
                for video_id, own in groupby(keys, key=lambda key: key.video_id):
                    store.mark(self.epoch, entries[video_id].job_id, [key.pipeline for key in own], JobStatus.PENDING)
            else:
                self._give_up(left, sorted(left.lacking))
                self._crew_here.finish(left.to_finish)  # such as faces, which waited for persons
                self._drain()
                left = self._left()
                self._give_up(left, sorted(left.lacking | set(left.to_finish)))
            self._tick()

    def _give_up(self, left: Left, keys: list[WorkKey]) -> None:
        reasons = self._crew_here.coordinator.ask("reasons") if keys else {}
        for key in keys:
            job_id = self._intake.entries[key.video_id].job_id
            self._crew_here.store.finish(self.epoch, self._lost(key, job_id, left, reasons))

    def _lost(self, key: WorkKey, job_id: str, left: Left, reasons: Mapping[str, Failure]) -> Outcome:
        """Failed for the reason a chunk was last left for, or with the worker that held it."""
        chunks = [chunk.chunk_id for chunk in left.chunks.get(key.video_id, ()) if key in chunk.keys]
        chunks += [block.chunk_id for block in left.blocks.get(key.video_id, ()) if key == block.key]
        if known := [reasons[chunk] for chunk in chunks if chunk in reasons]:
            return Outcome(key, job_id, JobStatus.FAILED, error_message=known[0].message, failure_kind=known[0].kind)
        error = WorkerLost(", ".join(chunks[:3]) + (f" ({self._trouble})" if self._trouble else ""))
        return Outcome(key, job_id, JobStatus.FAILED, error_message=str(error), failure_kind=error.kind)

    def _left(self) -> Left:
        return self._intake.left(self._crew_here.store)

    def _begin(self, work: Workload, *, last: bool) -> None:
        crew = self._crew_here
        self._jobs |= work.jobs
        crew.expect(work.jobs)
        videos = dict.fromkeys([key.video_id for key in work.left.to_finish] + [*work.left.chunks, *work.left.blocks])
        crew.coordinator.planned([planned(video_id, work.left) for video_id in videos])
        crew.coordinator.settled(skipped=work.skipped, failures=work.failures)
        if last:
            crew.coordinator.probing_done()
        crew.finish(work.left.to_finish)

    def _pass(self, items: list[WorkItem], groups: list[tuple[SoundBlock, ...]]) -> None:
        """Pictures as one Dataset, and sound beside it, on helper threads watched from this one.

        Everything handed to the finalizers is done when it returns.
        """
        crew, verbose = self._crew_here, self._request.verbose
        works: list[Callable[[], None]] = []
        if items:
            works.append(lambda: run_pass(Pass(items, self._placement, crew.names, self._request.settings), verbose=verbose))
        if groups:
            works.append(lambda: listen(groups, self._placement, crew.names, self._request.settings))
        self.passes += bool(works)
        self._running = [threading.Thread(target=self._run, args=(work,), name="pass", daemon=True) for work in works]
        for thread in self._running:
            thread.start()
        while any(thread.is_alive() for thread in self._running) and not self._idle_after_stop():
            max(self._running, key=threading.Thread.is_alive).join(TICK_SECONDS)
            self._tick()
        self._drain()
        self._tick()

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 a broken pass is not the end: the manifest says what is missing, the next pass does it
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
        """Pass on a stop, show how the run stands, have files written for what ended."""
        coordinator = self._crew_here.coordinator
        self._pings = self._crew_here.alive(self._pings)
        if self._controls.stopped_by() and not self.snapshot.stopping:
            coordinator.stop()
        self.snapshot = coordinator.ask("snapshot")
        self.halted = self.halted or coordinator.ask("halted")
        self._controls.listener(self.snapshot)
        self._controls.ended(coordinator.ask("take_finished"))

    def _over(self) -> bool:
        return bool(self._controls.stopped_by() or self.halted)

    def _idle_after_stop(self) -> bool:
        """Whether a stop has left nothing in work; Ray Data itself would first hand out every item that waits."""
        if not self.snapshot.stopping:
            self._stop_deadline = time.monotonic() + STOP_SECONDS
            return False
        return self.snapshot.in_work == 0 or time.monotonic() > self._stop_deadline

    @contextlib.contextmanager
    def _surviving(self) -> Iterator[None]:
        """When an actor of the crew dies inside the block, a new crew takes over with a new epoch; what was held is missing and redone."""
        import ray

        try:
            yield
        except ray.exceptions.RayActorError as error:
            self._trouble = str(error).strip().splitlines()[0][:200]
            log.warning("an actor of the crew died, a new crew takes over: %s", error)
            for thread in self._running:
                thread.join(CREW_LOST_SECONDS)  # its workers find their actors gone and give up one by one
            self._crew_here.dismiss()
            self._hire(self._controls.new_epoch())

    @property
    def _crew_here(self) -> Crew:
        if self._crew is None:
            raise AssertionError("a crew is hired before it is asked")
        return self._crew

    def _hire(self, epoch: int) -> None:
        self.epoch, self._pings = epoch, []
        run = f"vaengine-{self._request.batch_id}-{epoch}"
        self._crew = start_crew(
            run, self._session, self._request.store_url, epoch, self._request.settings, keep_runs=self._request.keep_runs
        )
