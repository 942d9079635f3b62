"""Threads of this process, each with a child process that decodes and looks and listens: one chunk at a time.

Whatever ends a child, or keeps it busy for ever, is the doing of the chunk that it holds.
"""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import replace
from typing import Final

from actors.coordination.coordinator_link import CoordinatorLink
from actors.coordination.links import StageLinks
from actors.isolation.sandbox import Sandbox, TrialResult, tried
from actors.stages.stages import Watch
from schemas.settings.settings import Settings
from schemas.work.messages import ChunkFailure
from schemas.work.progress import Worker
from schemas.work.retry import WORKER_LOST
from vaengine.backends.trial_failure import raised
from vaengine.planning.suspects import Suspect, Work

THREADS_NODE: Final = "this process"  # of workers that are threads: no number of theirs is a process's

ConnectWorker = Callable[[Worker], StageLinks]


class LocalWorkers:
    """A pool of `number` threads, each with a child process that lives from its first chunk to the end of
    the pool.
    """

    def __init__(self, settings: Settings, number: int) -> None:
        self.number = number
        self._settings = settings
        self._threads = ThreadPoolExecutor(number, thread_name_prefix="worker")
        self._own = threading.local()
        self._cells: list[Sandbox] = []
        self._closed = threading.Event()
        self._together = threading.Barrier(1)

    def warm_up(self, number: int) -> None:
        """Start the processes of some threads ahead of need: what they import takes most of a second."""
        if most := min(number, self.number):
            self._together = threading.Barrier(
                most
            )  # else the first thread would take the next start as well
        for _ in range(most):
            self._threads.submit(self._warm)

    def submit(
        self, work: Work, connect: ConnectWorker, *, to_its_end: bool, given_up: threading.Event | None = None
    ) -> Future[TrialResult]:
        """Try a chunk as soon as a thread is free. `to_its_end`: a stop does not end it, `given_up` does."""
        return self._threads.submit(self._tried, work, connect, to_its_end, given_up or self._closed)

    def close(self) -> None:
        """End the processes, whatever they do, and then the threads."""
        self._closed.set()
        self._together.abort()
        self._threads.shutdown(wait=False, cancel_futures=True)
        for cell in self._cells:
            cell.kill()
        self._threads.shutdown()
        for cell in self._cells:
            cell.close()

    def _warm(self) -> None:
        self._cell().start()
        with contextlib.suppress(threading.BrokenBarrierError):
            self._together.wait()

    def _cell(self) -> Sandbox:
        """The cell of this thread, which has to be its own: a child ends with the thread that started it."""
        if not hasattr(self._own, "cell"):
            self._own.cell = Sandbox(self._settings)
            self._cells.append(self._own.cell)
        cell: Sandbox = self._own.cell
        return cell

    def _tried(
        self, work: Work, connect: ConnectWorker, to_its_end: bool, given_up: threading.Event
    ) -> TrialResult:
        if given_up.is_set() or self._closed.is_set():
            return TrialResult(work.chunk_id, cancelled=True)
        worker = Worker(THREADS_NODE, socket.gethostname(), threading.get_native_id())
        links = connect(worker)
        try:
            watch = _EndingWatch(links, (given_up, self._closed), to_its_end=to_its_end)
            return tried(work, self._cell(), links, watch)
        except Exception as error:  # noqa: BLE001 the thread is there, and says what it could not do
            return TrialResult(work.chunk_id, failure=raised(work, error))
        finally:
            links.idle()


class _EndingWatch(Watch):
    """A watch that also looks at whether its work is given up, by any of these events."""

    def __init__(self, links: StageLinks, given_up: Sequence[threading.Event], *, to_its_end: bool) -> None:
        super().__init__(links, to_its_end=to_its_end)
        self._given_up = given_up

    def leave(self, video_id: str) -> bool:
        return any(event.is_set() for event in self._given_up) or super().leave(video_id)


def run_local_pass(
    works: Sequence[Work],
    workers: LocalWorkers,
    connect: ConnectWorker,
    coordinator: CoordinatorLink,
    given_up: threading.Event,
) -> None:
    """Have every chunk tried once; returns when each has been, or soon after `given_up` is set.

    What failed is tried alone afterwards, and what ended its process counts as lost with it, as on Ray.
    """
    attempts = [workers.submit(work, connect, to_its_end=False, given_up=given_up) for work in works]
    for attempt in as_completed(attempts):
        trial = attempt.result()
        if trial.cancelled:
            coordinator.left(trial.chunk_id)
        elif trial.failure is not None:
            coordinator.left(trial.chunk_id, _as_lost(trial.failure) if trial.to_blame else trial.failure)


def _as_lost(failure: ChunkFailure) -> ChunkFailure:
    return replace(failure, kind=WORKER_LOST)


class LocalTrialWorkers:
    """Attempts alone in the processes of a pool."""

    def __init__(self, workers: LocalWorkers, connect: ConnectWorker, most: int) -> None:
        self._workers, self._connect = workers, connect
        self.idle = min(workers.number, most)
        self._ended: queue.SimpleQueue[tuple[Suspect, Future[TrialResult]]] = queue.SimpleQueue()
        self._given_up = threading.Event()

    def begin(self, suspect: Suspect) -> None:
        """Begin an attempt."""
        self.idle -= 1
        attempt = self._workers.submit(suspect.work, self._connect, to_its_end=True, given_up=self._given_up)
        attempt.add_done_callback(lambda done: self._ended.put((suspect, done)))

    def abandon(self, chunk_id: str) -> Suspect | None:
        """None: a worker that is a thread of this process is never cut off."""
        return None

    def next_ended(self, timeout_s: float) -> tuple[Suspect, TrialResult] | None:
        """An attempt that has ended; None where none does within the time."""
        try:
            suspect, attempt = self._ended.get(timeout=timeout_s)
        except queue.Empty:
            return None
        self.idle += 1
        return suspect, attempt.result()

    def close(self) -> None:
        """Have what is in work left."""
        self._given_up.set()
