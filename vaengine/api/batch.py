"""A batch that runs in a child process, as the iterator over its annotated videos."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from schemas.errors import VaengineError
from schemas.work.job import BatchReport, VideoOutcome
from vaengine.api.video_annotations import VideoAnnotations
from vaengine.console.output import say
from vaengine.execution.background import BackgroundRun, Event, error_of
from vaengine.reporting import run_report as reports
from vaengine.requests.executor_choice import ExecutorChoice

if TYPE_CHECKING:
    from schemas.storage.backend import StorageBackend
    from vaengine.requests.run_options import ResolvedRequest

MAX_FAILURES_SHOWN: Final = 5


class FailedVideo(NamedTuple):
    """A video that could not be annotated, with the reason on one line."""

    path: str
    reason: str


class Batch(Iterator[VideoAnnotations]):
    """Iterates over the videos of a batch that runs in a child process, each as soon as it is finished.

    Like a file, it is read once. The run goes on while the loop's body works. Failed videos do not stop it
    and are collected in `failed`. Leaving a `with` block, `close`, and Ctrl-C while waiting for a video stop
    the run, and so does dropping the batch: what is done is kept. Raises `VaengineError`, after the last
    finished video, if the run ended early.
    """

    def __init__(self, resolved: ResolvedRequest, *, progress: bool = False) -> None:
        self._request, self._preset_line = resolved.request, resolved.preset_line
        if progress:
            say(resolved.preset_line)
        self._progress = _Progress() if progress else None
        self._run = BackgroundRun(resolved.request)
        self._ready: deque[str] = deque()  # job ids
        self._reported_ids: set[str] = set()  # video ids
        self._failed: list[FailedVideo] = []
        self._outcomes: list[VideoOutcome] = []
        self._report: BatchReport | None = None
        self._error: VaengineError | None = None
        self._ended = False

    @property
    def preset_line(self) -> str:
        """The line that says what the preset resolved to and why."""
        return self._preset_line

    @property
    def failed(self) -> tuple[FailedVideo, ...]:
        """The videos that failed so far."""
        return tuple(self._failed)

    @property
    def report(self) -> BatchReport | None:
        """The state of every video of the batch; None until the run has ended."""
        return self._report

    @property
    def pid(self) -> int:
        """Id of the process that runs the batch."""
        return self._run.pid

    def close(self) -> None:
        """Stop the run and wait until the chunks in work are committed; does nothing once it has ended."""
        if not self._ended:
            self._run.stop()
            while not self._ended:
                self._handle(self._run.next_event())
        self._ready.clear()
        self._error = None

    def __next__(self) -> VideoAnnotations:
        try:
            while not self._ready and not self._ended:
                self._handle(self._run.next_event())
        except BaseException:
            self.close()
            raise
        if self._ready:
            return self._annotations(self._ready.popleft())
        error, self._error = self._error, None
        if error:
            raise error
        raise StopIteration

    def __enter__(self) -> Batch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = (
            reports.headline(self._report)
            if self._report
            else f"{len(self._reported_ids):,} videos finished, the rest is at work"
        )
        return f"Batch({state})"

    def _handle(self, event: Event | None) -> None:
        """Handle an event of the run."""
        if self._progress:
            self._progress.show(event)
        if event is None:
            self._end()
        elif event["event"] == "finished":
            self._finished(event["video_id"], event["path"], event["job_id"], event["error_message"])
        elif event["event"] == "executor" and self._progress:
            say(str(ExecutorChoice(event["cluster"], event["reason"])))
        elif event["event"] == "video":
            self._outcomes.append(reports.outcome_of(event))
        elif event["event"] == "report":
            self._report = reports.report_of(event, self._outcomes)
            self._report_unreported(event["batch_id"])
        elif event["event"] == "error":
            self._error = error_of(event)

    def _finished(self, video_id: str, path: str, job_id: str, reason: str | None) -> None:
        self._reported_ids.add(video_id)
        if reason is None:
            self._ready.append(job_id)
        else:
            self._failed.append(FailedVideo(path, reason.replace(f"{path}: ", "")))

    def _report_unreported(self, batch_id: str) -> None:
        """Report videos that ended too late in the run for an event of their own."""
        unreported = {
            outcome.video_id: outcome
            for outcome in self._outcomes
            if outcome.outcome != "pending" and outcome.video_id not in self._reported_ids
        }
        if unreported:
            with self._store() as store:
                for job in store.jobs(batch_id=batch_id):
                    if outcome := unreported.pop(job.video_id, None):
                        self._finished(outcome.video_id, outcome.path, job.job_id, outcome.error_message)
            # Videos without a job of this batch: complete results would have been replaced.
            for left_alone in unreported.values():
                self._finished(left_alone.video_id, left_alone.path, "", left_alone.error_message)

    def _end(self) -> None:
        self._ended = True
        self._run.stop()  # it has closed its output and is ending
        if self._error is None and self._report is None:
            self._error = VaengineError(
                f"the run ended without a report: {self._run.last_words()}; call it again to go on"
            )
        elif self._report and (early := self._report.halted or self._report.stopped_by):
            self._error = VaengineError(
                f"the run ended early: {early}; what is done is kept, call it again to go on"
            )

    def _annotations(self, job_id: str) -> VideoAnnotations:
        with self._store() as store:
            job = store.load_job_metadata(job_id)
            return VideoAnnotations.from_store(store, job.video_id, dict.fromkeys(job.pipeline_results, job))

    @contextlib.contextmanager
    def _store(self) -> Iterator[StorageBackend]:
        from actors.stores import open_store

        with contextlib.closing(open_store(self._request.store_url, read_only=True)) as store:
            yield store


class _Progress:
    """The command's display, driven by the events of a run in another process."""

    def __init__(self) -> None:
        from vaengine.reporting.displays import display_for

        self._display = display_for(as_json=False, verbose=False).__enter__()
        self._failures: deque[str] = deque(maxlen=MAX_FAILURES_SHOWN)

    def show(self, event: Event | None) -> None:
        from vaengine.reporting.progress_text import snapshot_of

        if event is None:
            self._display.__exit__(None, None, None)
        elif event["event"] == "failure":
            self._failures.append(event["message"])
        elif event["event"] == "progress":
            self._display(snapshot_of(event, self._failures))
