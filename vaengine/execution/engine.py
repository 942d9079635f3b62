"""A batch from beginning to end: take the store, look at the inputs, work through what is missing, report."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from actors.finalize.finalizer import Finalizer
from actors.stores import open_store
from cluster.inventory import local_inventory, shared_memory_free_bytes
from cluster.placement import Demand, object_store_bytes, place
from cluster.session import Session, quiet_ray, reachable, session
from cluster.temp_folder import require_short_temp_folder
from schemas.errors import DiskFull, NodeLost, StoreFailed, VaengineError
from schemas.storage.backend import StorageBackend
from schemas.work.audio_block import AudioBlock
from schemas.work.chunk import ChunkSpec
from schemas.work.job import BatchReport, VideoOutcome
from schemas.work.messages import ChunkFailure
from schemas.work.progress import Finished, Snapshot
from schemas.work.run import RunInfo, new_batch_id
from vaengine.execution.actor_group import job_finder
from vaengine.execution.dataset import BLOCK_BYTES
from vaengine.execution.job_controls import JobControlHandler
from vaengine.execution.projection import Projector
from vaengine.execution.run_loop import OTHERS_SECONDS, RunCallbacks, RunLoop
from vaengine.model_selection.select import check_models
from vaengine.planning.backlog import Backlog, PageWork, RemainingWork
from vaengine.planning.dry_run import require_room
from vaengine.planning.plan import demand_of
from vaengine.planning.preflight import Preflight, preflight
from vaengine.planning.probing import Probing
from vaengine.requests.checkpoint import Checkpoint
from vaengine.requests.output_folder import make_output_folder, require_output_folder
from vaengine.requests.request import PlanSummary, RunRequest

MOST_NODES: Final = 4  # times that Ray may be started for one run on this machine

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Tally:
    """What a run did, as far as its report tells it."""

    snapshot: Snapshot = field(default_factory=Snapshot)
    passes: int = 0
    halted: str | None = None


class Engine:
    """One run of one request. Construct, `run` on the main thread, `stop` from a signal handler."""

    def __init__(self, request: RunRequest, *, listener: Callable[[Snapshot], None] | None = None) -> None:
        self.batch_id = request.batch_id or new_batch_id()
        self._request = replace(request, batch_id=self.batch_id, inputs=request.inputs[: request.limit])
        self._listener = listener or (lambda snapshot: None)
        self._stopped_by: str | None = None
        self._waiting = False  # for something that takes long and of which nothing is stored

    def stop(self, signal_name: str) -> None:
        """Begin no further chunk; `run` returns once those in work are committed.

        Safe in a signal handler and in any thread.
        """
        self._stopped_by = self._stopped_by or signal_name
        if self._waiting and threading.current_thread() is threading.main_thread():
            self._waiting = False
            raise _StoppedEarly

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
        if request.cluster == "local":
            require_short_temp_folder()
            place(local_inventory(), self._demand)
        else:
            reachable(request.cluster)
        require_room(request)
        tally = _Tally()
        with preflight(request) as look:
            threading.Thread(target=_import_ray, args=(request.verbose,), daemon=True).start()
            with (
                contextlib.suppress(_StoppedEarly),
                self._stoppable(),
            ):  # what was not heard is not taken either
                look.settle()
            with self._connected(), contextlib.closing(_store_of(request)) as store:
                outcomes = self._run(store, look, tally)
        return BatchReport(
            batch_id=self.batch_id,
            outcomes=outcomes,
            wall_s=time.monotonic() - began,
            frames_decoded=tally.snapshot.frames_done,
            video_s=max(tally.snapshot.video_s_done, tally.snapshot.sound_s_done),
            passes=tally.passes,
            stopped_by=self._stopped_by,
            halted=tally.halted,
            started_at=started_at,
            ended_at=datetime.now(UTC),
        )

    def _run(self, store: StorageBackend, look: Preflight, tally: _Tally) -> tuple[VideoOutcome, ...]:
        epoch = store.open_run(self._run_info())
        for name, value in self._request.record.items():
            if store.meta(name) is None:  # what `auto` came to is decided once for a store
                store.set_meta(epoch, name, value)
        Checkpoint.of(self._request, self.batch_id).write(self._request.out)
        intake = Backlog(self._request, self.batch_id)
        with self._closing_on_error(store, epoch), self._projecting(tally) as projector:
            probing = look.probing
            try:
                first = self._first_work(intake, look, store, epoch)
                if probing.exhausted:
                    first = replace(first, left=self._after_others(first.left, intake, store, epoch))
                if first.left.has_work or not probing.exhausted:
                    epoch = self._run_on_ray(store, epoch, intake, probing, first, projector, tally)
                else:
                    self._finish_here(store, epoch, first, tally)
            except _StoppedEarly:
                log.info("stopped before any file was looked at")
            if projector:  # also mends what is missing or stale of videos that needed no work
                projector.refresh(entry.job_id for entry in intake.entries.values())
        outcomes = intake.outcomes(store)
        with (
            contextlib.suppress(DiskFull, StoreFailed) if tally.halted else contextlib.nullcontext()
        ):  # said already
            store.close_run(epoch, _word_for(outcomes, stopped=bool(self._stopped_by or tally.halted)))
        return outcomes

    @contextlib.contextmanager
    def _stoppable(self) -> Iterator[None]:
        """For what takes long while nothing is in work yet: a stop does not wait for its end.

        Raises `_StoppedEarly`.
        """
        if self._stopped_by:
            raise _StoppedEarly
        self._waiting = True
        try:
            yield
        finally:
            self._waiting = False

    def _first_work(self, intake: Backlog, look: Preflight, store: StorageBackend, epoch: int) -> PageWork:
        """Pages up to the first with something to work on: those before it need no Ray.

        Raises `_StoppedEarly`.
        """
        with self._stoppable():
            page = look.first_page()
        work = intake.take(page, store, epoch)
        while not (work.left.has_work or look.probing.exhausted):
            self._listener(
                Snapshot(
                    videos_total=work.videos, videos_skipped=work.skipped, videos_failed=len(work.failures)
                )
            )
            with self._stoppable():
                page = next(look.pages())
            work += intake.take(page, store, epoch)
        return work

    def _after_others(
        self, left: RemainingWork, intake: Backlog, store: StorageBackend, epoch: int
    ) -> RemainingWork:
        """What there is to do, once there is anything or nothing any more: other runs may hold it all,
        and waiting needs no Ray.
        """
        while left.elsewhere and not left and not self._stopped_by:
            time.sleep(OTHERS_SECONDS)
            store.record(epoch, ())
            self._listener(Snapshot(videos_total=len(intake.entries), probing=False))
            left = intake.left(store, epoch)
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

    def _finish_here(self, store: StorageBackend, epoch: int, work: PageWork, tally: _Tally) -> None:
        """Nothing to decode: what is whole but not final is finished in this process, without Ray."""
        request = self._request
        job_of = job_finder(store, request.settings, request.pipelines)
        keeping = {"keep_runs": request.keep_runs, "keep_complete": not request.replace}
        finalizer = Finalizer(store, _Unwatched(), epoch, request.settings, job_of, **keeping)
        for key in work.left.to_finish:
            finalizer.finish_now(key)
        finalizer.drain()  # faces that waited for persons
        tally.snapshot = Snapshot(
            videos_total=work.videos,
            videos_skipped=work.skipped,
            videos_failed=len(work.failures),
            probing=False,
        )
        self._listener(tally.snapshot)

    def _run_on_ray(
        self,
        store: StorageBackend,
        epoch: int,
        intake: Backlog,
        probing: Probing,
        first: PageWork,
        projector: Projector | None,
        tally: _Tally,
    ) -> int:
        """Work on Ray; the epoch it ended with (another one where a crew was lost)."""

        def refresh(ended: list[Finished]) -> None:
            if projector:
                projector.refresh({intake.entries[finished.key.video_id].job_id for finished in ended})

        controls = RunCallbacks(
            lambda: self._stopped_by,
            self._listener,
            refresh,
            lambda: store.open_run(self._run_info()),
            self._stoppable,
        )
        for again in range(MOST_NODES):
            try:
                return self._shift(epoch, intake, probing, first, controls, tally)
            except _StoppedEarly:
                JobControlHandler(intake).release_pending(intake.left(store, epoch), store, epoch)
                return epoch
            except NodeLost as error:
                if again == MOST_NODES - 1 or self._stopped_by:
                    raise
                log.warning("%s; Ray is started again", error)
                epoch = store.open_run(self._run_info())
                first = PageWork(intake.left(store, epoch), 0, 0, ())
        raise AssertionError("a node that is lost for the last time is an error")

    def _shift(
        self,
        epoch: int,
        intake: Backlog,
        probing: Probing,
        first: PageWork,
        controls: RunCallbacks,
        tally: _Tally,
    ) -> int:
        """One Ray session from its beginning to its end."""
        with contextlib.ExitStack() as stack:
            with self._stoppable():
                ray_session = stack.enter_context(self._session())
            shift = RunLoop(
                self._request, ray_session, place(ray_session.inventory, self._demand), intake, controls
            )
            shift.run(first, probing, epoch)
        tally.snapshot, tally.passes, tally.halted = shift.snapshot, tally.passes + shift.passes, shift.halted
        return shift.epoch

    @contextlib.contextmanager
    def _connected(self) -> Iterator[None]:
        """Somebody else's cluster before anything is stored: what answers may still refuse.

        One of our own is started when it is needed.
        """
        if self._request.cluster == "local":
            yield
            return
        with self._session():
            self._listener(
                Snapshot()
            )  # ray.init has just taken the SIGTERM handler, and a listener takes it back
            yield

    def _session(self) -> contextlib.AbstractContextManager[Session]:
        request = self._request
        if request.cluster != "local":
            return session(request.cluster, packages=_package_folders(), verbose=request.verbose)
        here = local_inventory()
        room = object_store_bytes(
            place(here, self._demand), BLOCK_BYTES, here.memory_bytes, shared_memory_free_bytes()
        )
        return session(cpus=int(here.cpus), object_store_bytes=room, verbose=request.verbose)

    @contextlib.contextmanager
    def _projecting(self, tally: _Tally) -> Iterator[Projector | None]:
        """Files beside a database; in a `files:` store they are the store.

        A full disk here costs files only: the next run makes them.
        """
        wanted = self._request.files and not self._request.store_url.startswith("files:")
        projector = Projector(self._request.store_url, self._request.out) if wanted else None
        yield projector
        if projector:
            try:
                projector.close()
            except VaengineError as error:
                tally.halted = tally.halted or str(error)

    @property
    def _demand(self) -> Demand:
        return demand_of(self._request.pipelines, self._request.settings)

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


class _StoppedEarly(BaseException):
    """A stop before anything was in work; no `Exception`, which Ray would catch while it starts."""


class _Unwatched:
    """Progress that nobody watches."""

    def committed(self, spec: ChunkSpec) -> None: ...
    def heard(self, block: AudioBlock) -> None: ...
    def left(self, chunk_id: str, failure: ChunkFailure | None = None) -> None: ...
    def finished(self, finished: Finished) -> None: ...

    def halt(self, reason: str) -> None:
        raise RuntimeError(reason)


def _word_for(outcomes: tuple[VideoOutcome, ...], *, stopped: bool) -> str:
    if stopped:
        return "stopped"
    return "failed" if any(line.outcome in ("failed", "pending") for line in outcomes) else "completed"


def _import_ray(verbose: bool) -> None:
    """Importing takes a second that probing does not need the interpreter for."""
    quiet_ray(verbose=verbose)
    importlib.import_module("ray.data")


def _package_folders() -> list[Path]:
    """The four packages as folders, to be sent to a cluster that this command did not start."""
    return [
        Path(importlib.import_module(name).__path__[0])
        for name in ("vaengine", "actors", "cluster", "schemas")
    ]
