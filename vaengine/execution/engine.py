"""A batch from beginning to end: take the store, look at the inputs, work through what is missing, report."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

from actors.stores import open_store
from schemas.errors import DiskFull, StoreFailed, VaengineError
from schemas.storage.backend import StorageBackend
from schemas.work.job import BatchReport, VideoOutcome
from schemas.work.progress import Snapshot
from schemas.work.run import RunInfo, new_batch_id
from vaengine.execution.cluster_return import wait_for_return
from vaengine.execution.machines import Machines
from vaengine.execution.projection import Projector
from vaengine.model_selection.select import check_models
from vaengine.planning.backlog import Backlog, PageWork, RemainingWork
from vaengine.planning.dry_run import require_room
from vaengine.planning.preflight import Preflight, preflight
from vaengine.process.supervisor import is_restarted
from vaengine.requests.checkpoint import Checkpoint
from vaengine.requests.executor_choice import ExecutorChoice
from vaengine.requests.output_folder import make_output_folder, require_output_folder
from vaengine.requests.request import PlanSummary, RunRequest
from vaengine.run_loop.batch_run import BatchRun, RunCallbacks, RunResult
from vaengine.run_loop.run_loop import OTHERS_SECONDS
from vaengine.run_loop.stop_request import StoppedEarly, StopRequest

log = logging.getLogger(__name__)


class Engine:
    """One run of one request. Construct, `run` on the main thread, `stop` from a signal handler."""

    def __init__(
        self,
        request: RunRequest,
        *,
        listener: Callable[[Snapshot], None] | None = None,
        announce: Callable[[ExecutorChoice], None] = lambda choice: None,
    ) -> None:
        """`listener` hears how the run stands, `announce` where the work is carried out, once that is
        decided.
        """
        self.batch_id = request.batch_id or new_batch_id()
        self._request = replace(request, batch_id=self.batch_id, inputs=request.inputs[: request.limit])
        self._listener, self._announce = listener or (lambda snapshot: None), announce
        self._stop = StopRequest()

    def stop(self, signal_name: str) -> None:
        """Begin no further chunk; `run` returns once those in work are committed.

        Safe in a signal handler and in any thread.
        """
        self._stop.request(signal_name)

    def plan(self) -> PlanSummary:
        """What `run` would do, without Ray and without touching the store."""
        from vaengine.planning.dry_run import dry_run

        return dry_run(self._request)

    def run(self) -> BatchReport:
        """Do what is missing; raises `UsageError` for what is known before the first frame, with nothing
        stored.
        """
        began, request, started_at = time.monotonic(), self._request, datetime.now(UTC)
        require_output_folder(request.out)
        check_models(request.settings, request.pipelines)
        if is_restarted():
            wait_for_return(request, lambda: bool(self._stop))
        self._machines = Machines(request)  # what runs is known only now
        self._machines.require()
        require_room(request)
        with preflight(request) as look, contextlib.closing(self._machines):
            self._machines.prepare()
            with (
                contextlib.suppress(StoppedEarly),
                self._stop.interruptible(),
            ):  # what was not heard is not taken either
                look.settle()
            with self._machines.connected(self._listener), contextlib.closing(_store_of(request)) as store:
                outcomes, result = self._run(store, look)
        return BatchReport(
            batch_id=self.batch_id,
            outcomes=outcomes,
            wall_s=time.monotonic() - began,
            frames_decoded=result.snapshot.frames_done,
            video_s=max(result.snapshot.video_s_done, result.snapshot.sound_s_done),
            passes=result.passes,
            stopped_by=self._stop.signal_name,
            halted=result.halted,
            started_at=started_at,
            ended_at=datetime.now(UTC),
        )

    def _run(self, store: StorageBackend, look: Preflight) -> tuple[tuple[VideoOutcome, ...], RunResult]:
        info = self._run_info()
        epoch = store.open_run(info)
        for name, value in self._request.record.items():
            if store.meta(name) is None:  # what `auto` came to is decided once for a store
                store.set_meta(epoch, name, value)
        Checkpoint.of(self._request, self.batch_id).write(self._request.out)
        backlog, projector = Backlog(self._request, self.batch_id), self._projector()
        callbacks = RunCallbacks(
            self._listener, lambda ended: _refresh(projector, backlog, [one.key.video_id for one in ended])
        )
        run = BatchRun(self._request, info, store, backlog, look.probing, self._stop, callbacks)
        with self._closing_on_error(store, epoch):
            try:
                result = self._carry_out(run, look, epoch)
            except StoppedEarly:
                log.info("stopped before any file was looked at")
                result = RunResult(epoch, Snapshot())
            _refresh(
                projector, backlog, backlog.entries
            )  # also mends what is missing or stale of videos that needed no work
            unwritten = _close(projector)
            result = replace(result, halted=result.halted or unwritten)
        outcomes = backlog.outcomes(store)
        with (
            contextlib.suppress(DiskFull, StoreFailed) if result.halted else contextlib.nullcontext()
        ):  # said already
            store.close_run(result.epoch, _word_for(outcomes, stopped=bool(self._stop or result.halted)))
        return outcomes, result

    def _carry_out(self, run: BatchRun, look: Preflight, epoch: int) -> RunResult:
        first = self._first_work(run, look, epoch)
        if run.probing.exhausted:
            first = replace(first, left=self._after_others(first.left, run, epoch))
        if not first.left and run.probing.exhausted:
            snapshot = replace(_seen(first), probing=False)
            self._listener(snapshot)
            return RunResult(epoch, snapshot)
        choice = self._machines.choice(first.left, is_whole=run.probing.exhausted)
        if first.left.has_work:
            self._announce(choice)
        return self._machines.run(choice, run, first, epoch)

    def _first_work(self, run: BatchRun, look: Preflight, epoch: int) -> PageWork:
        """Pages up to the first with something to work on: those before it need no Ray.

        Raises `StoppedEarly`.
        """
        with run.stop.interruptible():
            page = look.first_page()
        work = run.backlog.take(page, run.store, epoch)
        while not (work.left.has_work or look.probing.exhausted):
            self._listener(_seen(work))
            with run.stop.interruptible():
                page = next(look.pages())
            work += run.backlog.take(page, run.store, epoch)
        return work

    def _after_others(self, left: RemainingWork, run: BatchRun, epoch: int) -> RemainingWork:
        """What there is to do, once there is anything or nothing any more: other runs may hold it all,
        and waiting needs no Ray.
        """
        while left.elsewhere and not left and not run.stop:
            time.sleep(OTHERS_SECONDS)
            run.store.record(epoch, ())
            self._listener(Snapshot(videos_total=len(run.backlog.entries), probing=False))
            left = run.backlog.left(run.store, epoch)
        return left

    @contextlib.contextmanager
    def _closing_on_error(self, store: StorageBackend, epoch: int) -> Iterator[None]:
        """A run that ends in an error, such as a Ray that does not start, is noted as stopped; the next
        takes up what it registered.
        """
        try:
            yield
        except VaengineError:
            with contextlib.suppress(VaengineError):  # the first error is the one to be told
                store.close_run(epoch, "stopped")
            raise

    def _projector(self) -> Projector | None:
        """Files beside a database; in a `files:` store they are the store."""
        wanted = self._request.files and not self._request.store_url.startswith("files:")
        return Projector(self._request.store_url, self._request.out) if wanted else None

    def _run_info(self) -> RunInfo:
        request = self._request
        part = {"part": list(request.part)} if request.others else {}
        return RunInfo(
            self.batch_id,
            socket.gethostname(),
            os.getpid(),
            request.settings.model_dump() | part,
            request.batch_inputs,
        )


def _store_of(request: RunRequest) -> StorageBackend:
    make_output_folder(request.out)
    return open_store(request.store_url)


def _refresh(projector: Projector | None, backlog: Backlog, video_ids: Iterable[str]) -> None:
    if projector:
        projector.refresh({backlog.entries[video_id].job_id for video_id in video_ids})


def _close(projector: Projector | None) -> str | None:
    """Why the last files could not be written, if so.

    A full disk costs files only: the next run makes them.
    """
    try:
        if projector:
            projector.close()
    except VaengineError as error:
        return str(error)
    return None


def _seen(work: PageWork) -> Snapshot:
    """What the display shows of videos before any work begins."""
    return Snapshot(videos_total=work.videos, videos_skipped=work.skipped, videos_failed=len(work.failures))


def _word_for(outcomes: tuple[VideoOutcome, ...], *, stopped: bool) -> str:
    if stopped:
        return "stopped"
    return "failed" if any(line.outcome in ("failed", "pending") for line in outcomes) else "completed"
