"""The worker threads of a run without Ray: each has a child process that decodes and analyses one chunk.

A child process holds one chunk at a time, so that chunk is to blame for a crash or a hang.
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
from actors.isolation.sandbox import Sandbox, TrialResult, try_in_sandbox
from actors.stages.stages import Watch
from schemas.settings.settings import Settings
from schemas.work.progress import Worker
from schemas.work.retry import WORKER_LOST
from vaengine.backends.trial_failure import raised_failure
from vaengine.planning.suspects import Suspect, Work

THREADS_NODE: Final = "this process"  # node of a worker that is a thread: its number is no process id

ConnectWorker = Callable[[Worker], StageLinks]


class LocalWorkers:
    """A pool of `number` threads, each with a child process.

    A child process is started for the first chunk of its thread and ends with the pool.
    """

    def __init__(self, settings: Settings, number: int) -> None:
        self.number = number
        self._settings = settings
        self._threads = ThreadPoolExecutor(number, thread_name_prefix="worker")
        self._thread_values = threading.local()
        self._sandboxes: list[Sandbox] = []
        self._closed = threading.Event()
        self._warm_up_barrier = threading.Barrier(1)

    def warm_up(self, number: int) -> None:
        """Start up to `number` child processes ahead of need: their imports take most of a second."""
        count = min(number, self.number)
        if count:
            # Without the barrier one thread would take several of the starts.
            self._warm_up_barrier = threading.Barrier(count)
        for _ in range(count):
            self._threads.submit(self._start_sandbox)

    def submit(
        self, work: Work, connect: ConnectWorker, *, to_its_end: bool, given_up: threading.Event | None = None
    ) -> Future[TrialResult]:
        """Try a chunk as soon as a thread is free.

        An attempt with `to_its_end` ends for `given_up`, but not for a stop of the run.
        """
        return self._threads.submit(self._try, work, connect, to_its_end, given_up or self._closed)

    def close(self) -> None:
        """End the child processes, whatever they do, and then the threads."""
        self._closed.set()
        self._warm_up_barrier.abort()
        self._threads.shutdown(wait=False, cancel_futures=True)
        for sandbox in self._sandboxes:
            sandbox.kill()
        self._threads.shutdown()
        for sandbox in self._sandboxes:
            sandbox.close()

    def _start_sandbox(self) -> None:
        self._sandbox().start()
        with contextlib.suppress(threading.BrokenBarrierError):
            self._warm_up_barrier.wait()

    def _sandbox(self) -> Sandbox:
        """The sandbox of this thread: a child process ends with the thread that started it."""
        if not hasattr(self._thread_values, "sandbox"):
            self._thread_values.sandbox = Sandbox(self._settings)
            self._sandboxes.append(self._thread_values.sandbox)
        sandbox: Sandbox = self._thread_values.sandbox
        return sandbox

    def _try(
        self, work: Work, connect: ConnectWorker, to_its_end: bool, given_up: threading.Event
    ) -> TrialResult:
        if given_up.is_set() or self._closed.is_set():
            return TrialResult(work.chunk_id, cancelled=True)
        worker = Worker(THREADS_NODE, socket.gethostname(), threading.get_native_id())
        links = connect(worker)
        try:
            watch = _EndingWatch(links, (given_up, self._closed), to_its_end=to_its_end)
            return try_in_sandbox(work, self._sandbox(), links, watch)
        except Exception as error:  # noqa: BLE001 the thread lives on, and its error is the chunk's failure
            return TrialResult(work.chunk_id, failure=raised_failure(work, error))
        finally:
            links.idle()


class _EndingWatch(Watch):
    """A watch that also has its chunk left when any of several events is set."""

    def __init__(self, links: StageLinks, given_up: Sequence[threading.Event], *, to_its_end: bool) -> None:
        super().__init__(links, to_its_end=to_its_end)
        self._given_up = given_up

    def leave(self, video_id: str) -> bool:
        """Whether the chunk in work is to be left."""
        return any(event.is_set() for event in self._given_up) or super().leave(video_id)


def run_local_pass(
    works: Sequence[Work],
    workers: LocalWorkers,
    connect: ConnectWorker,
    coordinator: CoordinatorLink,
    given_up: threading.Event,
) -> None:
    """Try every chunk once; returns when each was tried, or soon after `given_up` is set.

    A failed chunk is tried alone afterwards. A chunk that ended its process counts as lost, as on Ray.
    """
    attempts = [workers.submit(work, connect, to_its_end=False, given_up=given_up) for work in works]
    for attempt in as_completed(attempts):
        trial = attempt.result()
        if trial.cancelled:
            coordinator.left(trial.chunk_id)
        elif trial.failure is not None:
            failure = trial.failure
            coordinator.left(
                trial.chunk_id, replace(failure, kind=WORKER_LOST) if trial.to_blame else failure
            )


class LocalTrialWorkers:
    """Workers of a pool as the isolation pool uses them: each tries one chunk alone."""

    def __init__(self, workers: LocalWorkers, connect: ConnectWorker, most: int) -> None:
        """At most `most` attempts run at once."""
        self._workers, self._connect = workers, connect
        self.idle = min(workers.number, most)
        self._ended: queue.SimpleQueue[tuple[Suspect, Future[TrialResult]]] = queue.SimpleQueue()
        self._given_up = threading.Event()

    def begin(self, suspect: Suspect) -> None:
        """Begin an attempt."""
        self.idle -= 1
        attempt = self._workers.submit(suspect.work, self._connect, to_its_end=True, given_up=self._given_up)
        attempt.add_done_callback(lambda ended: self._ended.put((suspect, ended)))

    def abandon(self, chunk_id: str) -> Suspect | None:
        """None: a worker that is a thread of this process is never cut off."""
        return None

    def next_ended(self, timeout_s: float) -> tuple[Suspect, TrialResult] | None:
        """An attempt that has ended; None if none ends within `timeout_s`."""
        try:
            suspect, attempt = self._ended.get(timeout=timeout_s)
        except queue.Empty:
            return None
        self.idle += 1
        return suspect, attempt.result()

    def close(self) -> None:
        """Have the attempts in work given up."""
        self._given_up.set()
