"""The engine of submitted batches: takes one after the other from a store, each in a child process."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from actors.stores import open_store
from actors.stores.rules.liveness import LEASE_SECONDS, has_run_for
from schemas.errors import VaengineError
from schemas.storage.backend import StorageBackend
from schemas.work.submission import Submission, SubmissionState
from vaengine.api.submission.submissions import now_text, submissions, swapped
from vaengine.execution.background import BackgroundRun, Event, error_of
from vaengine.requests.request import RunRequest

POLL_S: Final = 1.0  # between looks for a submission, and at what became of the one in work
HEARTBEAT_S: Final = 20.0
ABANDONED_S: Final = 2.0 * LEASE_SECONDS


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Where an engine works: the store whose submissions it takes, the folder of results, the cluster."""

    store_url: str
    out: str
    cluster: str | None = None
    models: str | None = None


def next_submission(
    found: Mapping[str, Submission], live_batches: Collection[str], now: datetime, host: str
) -> Submission | None:
    """The submission to take: the oldest that waits, or whose engine has died; None where there is none.

    `live_batches` are those with a run that gives signs of life.
    """
    for submission in found.values():
        if submission.state is SubmissionState.WAITING:
            return submission
        is_taken = submission.state is SubmissionState.TAKEN
        if is_taken and submission.batch_id not in live_batches and is_abandoned(submission, now, host):
            return submission
    return None


def is_abandoned(submission: Submission, now: datetime, host: str) -> bool:
    """Whether the engine that took a submission has died: its process is gone, or it is silent too long."""
    silent_s = (now - datetime.fromisoformat(submission.taken_at)).total_seconds()
    if submission.host == host:
        return not has_run_for(submission.pid, silent_s)
    return silent_s > ABANDONED_S


class SubmissionEngine:
    """Takes submissions of a store and runs them, one at a time, until `stop`.

    `tell` gets a line for each that begins or ends. A batch that is stopped with the engine waits for the
    next one, which goes on where it stopped. Several engines may work for one store.
    """

    def __init__(self, settings: EngineSettings, tell: Callable[[str], None] = lambda line: None) -> None:
        self._settings, self._tell = settings, tell
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Stop the run in work as soon as its chunks are committed, and begin no other."""
        self._stopping.set()

    def run(self, *, until_empty: bool = False) -> int:
        """Work until stopped, or until nothing waits; returns how many batches were run."""
        count = 0
        with closing(open_store(self._settings.store_url)) as store:
            while not self._stopping.is_set():
                taken = self._take(store)
                if taken is not None:
                    self._carry_out(store, taken)
                    count += 1
                elif until_empty:
                    break
                else:
                    self._stopping.wait(POLL_S)
        return count

    def _take(self, store: StorageBackend) -> Submission | None:
        found = submissions(store)
        if not any(one.is_open for one in found.values()):
            return None
        live = {batch.batch_id for batch in store.batches() if batch.alive}
        wanted = next_submission(found, live, datetime.now(UTC), socket.gethostname())
        if wanted is None:
            return None
        mine = {"host": socket.gethostname(), "pid": os.getpid(), "taken_at": now_text()}
        return swapped(store, wanted, wanted.moved(SubmissionState.TAKEN, **mine))

    def _carry_out(self, store: StorageBackend, taken: Submission) -> None:
        self._tell(f"batch {taken.batch_id}: begun")
        try:
            watched = _WatchedRun(self._request(taken), taken, store, self._stopping)
            submission, outcome = watched.result()
        except VaengineError as error:
            submission, outcome = taken, _Outcome(SubmissionState.FAILED, str(error))
        swapped(store, submission, submission.moved(outcome.state, error=outcome.error))
        self._tell(f"batch {taken.batch_id}: {outcome.error or outcome.state}")

    def _request(self, taken: Submission) -> RunRequest:
        from vaengine.api.annotate import resolved_options

        options: dict[str, Any] = dict(taken.options)
        resolved = resolved_options(
            options["paths"],
            options.get("pipelines"),
            options.get("preset"),
            options.get("settings"),
            None,
            self._settings.models,
            self._settings.out,
            self._settings.store_url,
            options.get("workers"),
            self._settings.cluster,
            options.get("replace") or "ask",
        )
        return replace(resolved.request, batch_id=taken.batch_id)


@contextmanager
def working(settings: EngineSettings, tell: Callable[[str], None]) -> Iterator[None]:
    """A context with an engine in a thread of its own, whose run is stopped and kept at the end."""
    engine = SubmissionEngine(settings, tell)
    thread = threading.Thread(target=engine.run, name="engine")
    thread.start()
    try:
        yield
    finally:
        engine.stop()
        thread.join()


@dataclass(frozen=True, slots=True)
class _Outcome:
    state: SubmissionState
    error: str | None = None


class _WatchedRun:
    """A run in a child process; another thread gives signs of life and looks whether it is still wanted."""

    def __init__(
        self, request: RunRequest, taken: Submission, store: StorageBackend, stopping: threading.Event
    ) -> None:
        self._store, self._stopping, self._submission = store, stopping, taken
        self._ended = threading.Event()
        self._is_cancelled = False
        self._run = BackgroundRun(request)

    def result(self) -> tuple[Submission, _Outcome]:
        """Wait for the end; returns the submission as it is stored by now, and what becomes of it."""
        watcher = threading.Thread(target=self._watch, name="submission", daemon=True)
        watcher.start()
        last: dict[str, Event] = {}
        try:
            while (event := self._run.next_event()) is not None:
                last[event["event"]] = event
        finally:
            self._ended.set()
            watcher.join()
            self._run.stop()
        return self._submission, self._outcome(last)

    def _outcome(self, last: Mapping[str, Event]) -> _Outcome:
        if self._is_cancelled:
            return _Outcome(SubmissionState.CANCELLED)
        if "error" in last:
            return _Outcome(SubmissionState.FAILED, str(error_of(last["error"])))
        if self._stopping.is_set():
            return _Outcome(SubmissionState.WAITING)  # the next engine goes on
        if "report" not in last:
            return _Outcome(SubmissionState.FAILED, f"the run broke off: {self._run.last_words()}")
        return _Outcome(SubmissionState.ENDED)

    def _watch(self) -> None:
        ticks = 0
        while not self._ended.wait(POLL_S):
            ticks += 1
            if ticks % round(HEARTBEAT_S / POLL_S) == 0:
                self._give_sign_of_life()
            if self._is_cancelled or self._stopping.is_set() or self._was_cancelled():
                self._run.stop()
                return

    def _give_sign_of_life(self) -> None:
        fresh = replace(self._submission, taken_at=now_text())
        self._submission = swapped(self._store, self._submission, fresh) or self._submission

    def _was_cancelled(self) -> bool:
        stored = submissions(self._store).get(self._submission.batch_id)
        self._is_cancelled = stored is None or stored.state is SubmissionState.CANCELLED
        return self._is_cancelled
