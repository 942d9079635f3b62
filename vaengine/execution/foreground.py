"""One run in front of a person: signals, display, report."""

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
from vaengine.requests.inputs import left_alone_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from schemas.work.job import BatchReport
    from schemas.work.progress import Snapshot
    from vaengine.process.signals import Signals
    from vaengine.process.supervisor import Invocation
    from vaengine.requests.executor_choice import ExecutorChoice
    from vaengine.requests.request import RunRequest

LOOK_SECONDS: Final = 0.5  # from one look for finished videos to the next
MOST_COUNTED: Final = 2_000  # videos of which the end of a run tells what was found, in a few seconds
# A look that takes a second is followed by this many seconds of rest, however large the batch.
LOOK_SHARE: Final = 20


def run_in_foreground(
    request: RunRequest, signals: Signals, *, as_json: bool, beginning: Invocation | None = None
) -> int:
    """Run a request, show it, print and keep its report; returns the exit code. Raises what `Engine.run`
    raises.

    `beginning` is that of the command, where a process of it may have worked before this one.
    """
    from vaengine.execution.batch_parts import run_in_turn
    from vaengine.execution.engine import Engine
    from vaengine.reporting.progress_text import display_for

    if beginning is not None:
        request = replace(request, batch_id=request.batch_id or beginning.batch_id, since=beginning.at)
    finishes: FinishedVideos | None = None
    elapsed_s = clock_since(beginning.at if beginning else datetime.now(UTC))
    with display_for(as_json=as_json, verbose=request.verbose, elapsed_s=elapsed_s) as display:
        if display.hides_cursor:
            tell_parent(CURSORLESS)

        def listen(snapshot: Snapshot) -> None:
            signals.rearm()  # ray.init took SIGTERM
            display(snapshot if as_json else replace(snapshot, elapsed_s=elapsed_s()))
            if display.live:
                tell_parent(LIVE)
            if as_json and finishes:
                emit_each("finished", map(reports.finished_data, finishes.new(snapshot)))

        def tell_executor(choice: ExecutorChoice) -> None:
            if as_json:
                emit("executor", choice)
            else:
                say(str(choice))

        def run(part: RunRequest) -> BatchReport:
            nonlocal finishes
            engine = Engine(part, listener=listen, announce=tell_executor)
            finishes = finishes or FinishedVideos(part.store_url, engine.batch_id)
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
        put_object(f"{url.rstrip('/')}/{name}", reports.report_bytes(report, presets))
    except VaengineError as error:
        return str(error)
    return None


def clock_since(at: datetime) -> Callable[[], float]:
    """Seconds since `at`; of this machine's clock that is never set back."""
    before_s, began_s = (datetime.now(UTC) - at).total_seconds(), time.monotonic()
    return lambda: max(0.0, before_s) + time.monotonic() - began_s


class FinishedVideos:
    """Videos of a running batch as they end, each once: looked up in the store when the counts say that
    there are new ones.
    """

    def __init__(self, store_url: str, batch_id: str) -> None:
        self._store_url, self._batch_id = store_url, batch_id
        self._told: set[str] = set()
        self._next_look_s = 0.0

    def new(self, snapshot: Snapshot) -> list[BatchJob]:
        """Those that ended since the last look; none while it is too soon for another.

        The report tells of all of them anyway.
        """
        began_s = time.monotonic()
        if (
            snapshot.videos_done + snapshot.videos_skipped + snapshot.videos_failed <= len(self._told)
            or began_s < self._next_look_s
        ):
            return []
        found: list[BatchJob] = []
        with contextlib.suppress(
            VaengineError
        ):  # a store that cannot be read for a moment must not end the run
            found = self._ended()
        self._told.update(job.job_id for job in found)
        now_s = time.monotonic()
        self._next_look_s = now_s + max(LOOK_SECONDS, LOOK_SHARE * (now_s - began_s))
        return found

    def _ended(self) -> list[BatchJob]:
        from actors.stores import open_store

        with contextlib.closing(open_store(self._store_url, read_only=True)) as store:
            jobs = store.jobs(batch_id=self._batch_id)
            return [
                job
                for job in jobs
                if job.status in (JobStatus.COMPLETED, JobStatus.FAILED) and job.job_id not in self._told
            ]


def print_report(
    report: BatchReport, request: RunRequest, *, as_json: bool, elapsed_s: float | None = None
) -> None:
    """The end of a run on standard output; `elapsed_s` is the time since the command was given."""
    if as_json:
        emit_each("video", report.outcomes)
        emit("report", reports.totals(report), left_alone=dict(request.left_alone))
        return
    found = found_of(report, request)
    print_table(reports.outcome_table(report, found), reports.more(report))
    left_alone = filter(None, [left_alone_text(request.left_alone)])
    total = filter(None, [found_line(sum(found.values(), FoundCounts()), len(found))])
    print_lines(["", reports.headline(report), *total, reports.effort(report, elapsed_s), *left_alone])
    for line in weak_points(request, sum(found.values(), FoundCounts())) if found else ():
        print_styled(line, "yellow")
    print_lines(["", *reports.places(request, report.batch_id)])
    print_lines(["", "next:", *(f"  {step}" for step in reports.next_steps(report, request, found))])


def found_of(report: BatchReport, request: RunRequest) -> dict[str, FoundCounts]:
    """What there is of the videos of a report, by id, of `MOST_COUNTED` at most; nothing where the store
    cannot be read any more.
    """
    from actors.stores import open_store

    ids = [
        outcome.video_id
        for outcome in reports.shown_first(report)
        if outcome.outcome in ("completed", "skipped")
    ]
    with (
        contextlib.suppress(VaengineError),
        contextlib.closing(open_store(request.store_url, read_only=True)) as store,
    ):
        return found_in(store, store.jobs_of(ids[:MOST_COUNTED]), by=lambda job: job.video_id)
    return {}


def print_plan(request: RunRequest, *, as_json: bool) -> int:
    """A dry run: what would be done and whether it can be; returns the exit code, 2 for a plan that
    cannot be scheduled.
    """
    from vaengine.execution.engine import Engine

    plan = Engine(request).plan()
    if as_json:
        emit("plan", plan, left_alone=dict(request.left_alone))
    else:
        print_lines([*reports.plan_lines(plan), *filter(None, [left_alone_text(request.left_alone)])])
    return 0 if plan.feasible else 2
