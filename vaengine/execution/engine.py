"""The engine: carries out one run from its request to its report."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from actors.stores import open_store
from schemas.errors import DiskFull, StoreFailed, VaengineError
from schemas.storage.backend import StorageBackend
from schemas.work.job import BatchReport, VideoOutcome
from schemas.work.progress import Snapshot
from schemas.work.run import RunInfo, new_batch_id
from vaengine.execution.cluster_return import wait_for_return
from vaengine.execution.machines import Machines
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

if TYPE_CHECKING:
    from vaengine.execution.projection import Projector

log = logging.getLogger(__name__)


class Engine:
    """One run of one request. `run` is called on the main thread, `stop` from anywhere."""

    def __init__(
        self,
        request: RunRequest,
        *,
        listener: Callable[[Snapshot], None] | None = None,
        announce: Callable[[ExecutorChoice], None] = lambda choice: None,
    ) -> None:
        """`listener` is called with the state of the run, several times a second.

        `announce` is called once it is decided where the work is carried out.
        """
        self.batch_id = request.batch_id or new_batch_id()
        self._request = replace(request, batch_id=self.batch_id, inputs=request.inputs[: request.limit])
        self._listener, self._announce = listener or (lambda snapshot: None), announce
        self._stop = StopRequest()

    def stop(self, signal_name: str) -> None:
        """Begin no further chunk; `run` returns once the chunks in work are committed.

        It may be called in a signal handler and from any thread.
        """
        self._stop.request(signal_name)

    def plan(self) -> PlanSummary:
        """The plan of the run, made without Ray and without changing the store."""
        from vaengine.planning.dry_run import dry_run

        return dry_run(self._request)

    def run(self) -> BatchReport:
        """Do what is missing, and report.

        Raises `UsageError` for a problem that shows before the first frame; nothing is stored then.
        """
        began_s, request, started_at = time.monotonic(), self._request, datetime.now(UTC)
        require_output_folder(request.out)
        check_models(request.settings, request.pipelines)
        if is_restarted():
            wait_for_return(request, lambda: bool(self._stop))
        self._machines = Machines(request)  # what runs is known only now
        self._machines.require()
        require_room(request)
        with preflight(request) as checked, contextlib.closing(self._machines):
            self._machines.prepare()
            # A stop here is carried out below, with all inputs pending.
            with contextlib.suppress(StoppedEarly), self._stop.interruptible():
                checked.settle()
            connected = self._machines.connected(self._listener, checked.probing)
            with connected, contextlib.closing(_store_of(request)) as store:
                outcomes, result = self._run(store, checked)
        return BatchReport(
            batch_id=self.batch_id,
            outcomes=outcomes,
            wall_s=time.monotonic() - began_s,
            frames_decoded=result.snapshot.frames_done,
            video_s=max(result.snapshot.video_s_done, result.snapshot.sound_s_done),
            passes=result.passes,
            stopped_by=self._stop.signal_name,
            halted=result.halted,
            started_at=started_at,
            ended_at=datetime.now(UTC),
        )

    def _run(self, store: StorageBackend, checked: Preflight) -> tuple[Sequence[VideoOutcome], RunResult]:
        info = self._run_info()
        epoch = store.open_run(info)
        for name, value in self._request.record.items():
            if store.meta(name) is None:  # what `auto` chose is recorded once for a store
                store.set_meta(epoch, name, value)
        Checkpoint.of(self._request, self.batch_id).write(self._request.out)
        backlog, projector = Backlog(self._request, self.batch_id), self._projector()
        callbacks = RunCallbacks(
            self._listener,
            lambda finished: _refresh(projector, backlog, [ended.key.video_id for ended in finished]),
        )
        run = BatchRun(self._request, info, store, backlog, checked.probing, self._stop, callbacks)
        with self._closing_on_error(store, epoch):
            try:
                result = self._carry_out(run, checked, epoch)
            except StoppedEarly:
                log.info("stopped before any file was looked at")
                result = RunResult(epoch, Snapshot())
            # It also restores missing or stale files of videos that needed no work.
            if projector:
                projector.refresh(entry.job_id for page in backlog.entries.pages() for entry in page)
            projection_error = _close(projector)
            result = replace(result, halted=result.halted or projection_error)
        outcomes = backlog.outcomes(store)
        # After a halt the report has the first error already.
        with contextlib.suppress(DiskFull, StoreFailed) if result.halted else contextlib.nullcontext():
            store.close_run(result.epoch, _run_status(outcomes, stopped=bool(self._stop or result.halted)))
        return outcomes, result

    def _carry_out(self, run: BatchRun, checked: Preflight, epoch: int) -> RunResult:
        first = self._first_work(run, checked, epoch)
        if run.probing.exhausted:
            first = replace(first, left=self._after_others(first.left, run, epoch))
        if not first.left and run.probing.exhausted:
            snapshot = replace(_snapshot(first), probing=False)
            self._listener(snapshot)
            return RunResult(epoch, snapshot)
        choice = self._machines.choice(first.left, is_whole=run.probing.exhausted)
        if first.left.has_work:
            self._announce(choice)
        return self._machines.run(choice, run, first, epoch)

    def _first_work(self, run: BatchRun, checked: Preflight, epoch: int) -> PageWork:
        """The pages up to the first one with chunks or blocks left; the pages before it need no Ray.

        Raises `StoppedEarly`.
        """
        with run.stop.interruptible():
            page = checked.first_page()
        work = run.backlog.take(page, run.store, epoch)
        while not (work.left.has_work or checked.probing.exhausted):
            self._listener(_snapshot(work))
            with run.stop.interruptible():
                page = next(checked.pages())
            work += run.backlog.take(page, run.store, epoch)
        return work

    def _after_others(self, left: RemainingWork, run: BatchRun, epoch: int) -> RemainingWork:
        """Wait while other runs hold all remaining work; returns what is left to do then.

        Waiting here needs no Ray.
        """
        while left.elsewhere and not left and not run.stop:
            time.sleep(OTHERS_SECONDS)
            run.store.record(epoch, ())
            self._listener(Snapshot(videos_total=len(run.backlog.entries), probing=False))
            left = run.backlog.left(run.store, epoch)
        return left

    @contextlib.contextmanager
    def _closing_on_error(self, store: StorageBackend, epoch: int) -> Iterator[None]:
        """A context that closes the run as stopped after an error, such as a Ray that fails to start.

        The next run continues with the jobs that this one registered.
        """
        try:
            yield
        except VaengineError:
            with contextlib.suppress(VaengineError):  # the first error is the one to report
                store.close_run(epoch, "stopped")
            raise

    def _projector(self) -> Projector | None:
        """The writer of files beside a database and below a URL; a `files:` store is its own files."""
        request = self._request
        needs_files = request.files and not request.store_url.startswith("files:")
        places: list[Path | str] = [request.out] if needs_files else []
        places += [request.publish] if request.publish else []
        if not places:
            return None
        # It imports sqlalchemy, which would come before child processes are started.
        from vaengine.execution.projection import Projector

        return Projector(request.store_url, places)

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
    """Wait for the last files; returns why they could not be written, None if they were.

    A full disk loses no results: the next run writes the files from the store.
    """
    try:
        if projector:
            projector.close()
    except VaengineError as error:
        return str(error)
    return None


def _snapshot(work: PageWork) -> Snapshot:
    """The state of a run for the display, before any chunk is in work."""
    return Snapshot(videos_total=work.videos, videos_skipped=work.skipped, videos_failed=len(work.failures))


def _run_status(outcomes: Sequence[VideoOutcome], *, stopped: bool) -> str:
    """The status of the run in the store: stopped, failed or completed."""
    if stopped:
        return "stopped"
    return "failed" if any(outcome.outcome in ("failed", "pending") for outcome in outcomes) else "completed"
