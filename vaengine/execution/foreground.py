"""Runs a request in the foreground: signals, display of progress, report, and the plan of a dry run."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from schemas.errors import VaengineError
from schemas.work.job import BatchJob, JobStatus
from vaengine.console.output import emit, emit_each, print_lines, print_styled, print_table, say
from vaengine.process.run_process import CURSORLESS, KEPT, LIVE
from vaengine.process.supervisor import tell_parent
from vaengine.reporting import run_report as reports
from vaengine.reporting.annotation_counts import FoundCounts, found_in, found_line
from vaengine.reporting.weak_models import weak_points
from vaengine.requests.checkpoint import path_in
from vaengine.requests.inputs.found_files import left_alone_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from schemas.work.job import BatchReport
    from schemas.work.progress import Snapshot
    from vaengine.process.signals import Signals
    from vaengine.process.supervisor import Invocation
    from vaengine.requests.executor_choice import ExecutorChoice
    from vaengine.requests.request import RunRequest

QUERY_SECONDS: Final = 0.5  # shortest pause between two queries for finished videos
REST_PER_QUERY: Final = 20  # seconds of pause after each second that the last query took
MAX_COUNTED_VIDEOS: Final = 2_000  # whose annotations the report counts; it takes a few seconds


def run_in_foreground(
    request: RunRequest, signals: Signals, *, as_json: bool, invocation: Invocation | None = None
) -> int:
    """Run a request with a display, print and write its report; returns the exit code.

    Raises the errors of `Engine.run`. `invocation` is that of the command, which may have begun in an earlier
    process.
    """
    from vaengine.execution.batch_parts import run_in_turn
    from vaengine.execution.engine import Engine
    from vaengine.reporting.displays import display_for

    if invocation is not None:
        request = replace(request, batch_id=request.batch_id or invocation.batch_id, since=invocation.at)
    finished_videos: FinishedVideos | None = None
    elapsed_s = clock_since(invocation.at if invocation else datetime.now(UTC))
    with display_for(as_json=as_json, verbose=request.verbose, elapsed_s=elapsed_s) as display:
        if display.hides_cursor:
            tell_parent(CURSORLESS)

        def listen(snapshot: Snapshot) -> None:
            signals.rearm()  # ray.init took SIGTERM
            display(snapshot if as_json else replace(snapshot, elapsed_s=elapsed_s()))
            if display.live:
                tell_parent(LIVE)
            if as_json and finished_videos:
                emit_each("finished", map(reports.finished_data, finished_videos.new(snapshot)))

        def announce(choice: ExecutorChoice) -> None:
            if as_json:
                emit("executor", choice)
            else:
                say(str(choice))

        def run(part: RunRequest) -> BatchReport:
            nonlocal finished_videos
            engine = Engine(part, listener=listen, announce=announce)
            finished_videos = finished_videos or FinishedVideos(part.store_url, engine.batch_id)
            tell_parent(
                KEPT,
                str(path_in(part.out, engine.batch_id)),
                reports.resume_command(engine.batch_id, part.out),
            )
            signals.deliver_to(engine.stop)
            return engine.run()

        report = run_in_turn(request, run)
    print_report(report, request, as_json=as_json, elapsed_s=elapsed_s())
    reports.write_report(report, request.out, request.presets)
    code = reports.exit_code(report)
    if request.publish and (fault := publish_report(report, request.publish, request.presets)):
        say(f"the report was not put there: {fault}")
        code = code or 1
    return code


def publish_report(report: BatchReport, url: str, presets: Mapping[str, str]) -> str | None:
    """Put the report below a URL, whole or not at all; says why that was not possible, if so."""
    from actors.sources.writing import put_object

    name = reports.report_path(Path(), report.batch_id).name
    try:
        put_object(f"{url.rstrip('/')}/{name}", b"".join(reports.report_bytes(report, presets)))
    except VaengineError as error:
        return str(error)
    return None


def clock_since(at: datetime) -> Callable[[], float]:
    """A clock of the seconds since `at`, which does not jump when the time of the machine is set."""
    before_s, began_s = (datetime.now(UTC) - at).total_seconds(), time.monotonic()
    return lambda: max(0.0, before_s) + time.monotonic() - began_s


class FinishedVideos:
    """The finished videos of a running batch, each returned once.

    It queries the store only when the counts of the run show that there are new ones.
    """

    def __init__(self, store_url: str, batch_id: str) -> None:
        self._store_url, self._batch_id = store_url, batch_id
        self._returned: set[str] = set()  # job ids
        self._next_query_s = 0.0

    def new(self, snapshot: Snapshot) -> list[BatchJob]:
        """Jobs that ended since the last query; none while it is too soon for another query.

        The report has all of them anyway.
        """
        began_s = time.monotonic()
        ended = snapshot.videos_done + snapshot.videos_skipped + snapshot.videos_failed
        if ended <= len(self._returned) or began_s < self._next_query_s:
            return []
        jobs: list[BatchJob] = []
        # A store that cannot be read for a moment must not end the run.
        with contextlib.suppress(VaengineError):
            jobs = self._new_jobs()
        self._returned.update(job.job_id for job in jobs)
        now_s = time.monotonic()
        self._next_query_s = now_s + max(QUERY_SECONDS, REST_PER_QUERY * (now_s - began_s))
        return jobs

    def _new_jobs(self) -> list[BatchJob]:
        from actors.stores import open_store

        with contextlib.closing(open_store(self._store_url, read_only=True)) as store:
            jobs = store.jobs(batch_id=self._batch_id)
            return [
                job
                for job in jobs
                if job.status in (JobStatus.COMPLETED, JobStatus.FAILED) and job.job_id not in self._returned
            ]


def print_report(
    report: BatchReport, request: RunRequest, *, as_json: bool, elapsed_s: float | None = None
) -> None:
    """Print the report of a run. `elapsed_s` is the time in seconds since the command was given."""
    if as_json:
        emit_each("video", report.outcomes)
        emit("report", reports.totals(report), left_alone=dict(request.left_alone))
        return
    counts = counts_by_video(report, request)
    total = sum(counts.values(), FoundCounts())
    print_table(reports.outcome_table(report, counts), reports.more(report))
    left_alone = filter(None, [left_alone_text(request.left_alone)])
    found = filter(None, [found_line(total, len(counts))])
    print_lines(["", reports.headline(report), *found, reports.effort(report, elapsed_s), *left_alone])
    for line in weak_points(request, total) if counts else ():
        print_styled(line, "yellow")
    print_lines(["", *reports.places(request, report.batch_id)])
    print_lines(["", "next:", *(f"  {step}" for step in reports.next_steps(report, request, counts))])


def counts_by_video(report: BatchReport, request: RunRequest) -> dict[str, FoundCounts]:
    """Counts of the annotations of a report's videos, by video id, for `MAX_COUNTED_VIDEOS` at most.

    Empty if the store cannot be read any more.
    """
    from actors.stores import open_store

    done = (outcome for outcome in report.outcomes if outcome.outcome in ("completed", "skipped"))
    video_ids = [outcome.video_id for outcome in reports.shown_first(done, MAX_COUNTED_VIDEOS)]
    with (
        contextlib.suppress(VaengineError),
        contextlib.closing(open_store(request.store_url, read_only=True)) as store,
    ):
        jobs = store.jobs_of(video_ids)
        return found_in(store, jobs, by=lambda job: job.video_id)
    return {}


def print_plan(request: RunRequest, *, as_json: bool) -> int:
    """Print the plan of a dry run; returns the exit code, 2 for a plan that cannot be scheduled."""
    from vaengine.execution.engine import Engine

    plan = Engine(request).plan()
    if as_json:
        emit("plan", plan, left_alone=dict(request.left_alone))
    else:
        print_lines([*reports.plan_lines(plan), *filter(None, [left_alone_text(request.left_alone)])])
    return 0 if plan.feasible else 2
