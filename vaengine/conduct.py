"""One run in front of a person: signals, display, report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vaengine import report as reports
from vaengine.output import print_event, print_events, print_lines, print_table

if TYPE_CHECKING:
    from schemas.job import BatchReport
    from schemas.progress import Snapshot
    from vaengine.request import RunRequest
    from vaengine.signals import Signals


def carry_out(request: RunRequest, signals: Signals, *, as_json: bool) -> int:
    """Run a request, show it, print and keep its report; returns the exit code. Raises what `Engine.run` raises."""
    from vaengine.display import display_for
    from vaengine.engine import Engine

    with display_for(as_json=as_json, verbose=request.verbose) as display:

        def listen(snapshot: Snapshot) -> None:
            signals.rearm()  # ray.init took SIGTERM
            display(snapshot)

        engine = Engine(request, listener=listen)
        signals.deliver_to(engine.stop)
        report = engine.run()
    tell(report, request, as_json=as_json)
    reports.write_report(report, request.out, request.presets)
    return reports.exit_code(report)


def tell(report: BatchReport, request: RunRequest, *, as_json: bool) -> None:
    """The end of a run on standard output."""
    if as_json:
        print_events(reports.video_events(report))
        print_event(reports.report_event(report))
        return
    print_table(reports.outcome_table(report), reports.more(report))
    print_lines(["", reports.headline(report), reports.effort(report), ""])
    print_lines(reports.places(request, report.batch_id))
    print_lines(["", "next:", *(f"  {step}" for step in reports.next_steps(report, request))])


def foretell(request: RunRequest, *, as_json: bool) -> int:
    """A dry run: what would be done and whether it can be; returns the exit code, 2 for a plan that cannot be scheduled."""
    from vaengine.engine import Engine

    plan = Engine(request).plan()
    if as_json:
        print_event(reports.plan_event(plan))
    else:
        print_lines(reports.plan_lines(plan))
    return 0 if plan.feasible else 2
