"""`vaengine status` and `vaengine errors`: commands that show the state of a store and its failures."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from vaengine.cli.options import Db, Json, Out, Verbose
from vaengine.cli.runs.submissions import Cluster, relay_command, show_submissions
from vaengine.console.output import emit, emit_each, print_lines, print_table


def status(
    context: typer.Context,
    out: Out = None,
    db: Db = None,
    cluster: Cluster = None,
    every: Annotated[
        bool, typer.Option("--all", help="Also jobs whose results those of later settings have replaced.")
    ] = False,
    limit: Annotated[int, typer.Option(min=0, metavar="N", help="Rows of each table.")] = 20,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show progress and results: jobs, batches, videos."""
    if cluster:
        if not relay_command(context, cluster):
            show_submissions(cluster, limit, as_json=as_json)
        return
    from vaengine.reporting import store_overview
    from vaengine.requests.store_location import opened

    with closing(opened(out, db)) as store:
        overview = store_overview.overview(store, every=every)
        counts = {} if as_json else store_overview.found_in_rows(store, overview, limit)
    if as_json:
        emit_each("batch", map(store_overview.batch_data, overview.runs))
        emit_each("pipeline", ({"pipeline": name, **by} for name, by in overview.pipelines.items()))
        emit_each("video", overview.videos)
        emit("report", store_overview.totals(overview))
        return
    print_lines(store_overview.summary_lines(overview))
    print_table(
        store_overview.batch_table(overview, limit), store_overview.rest(len(overview.runs), limit, "batches")
    )
    print_table(
        store_overview.video_table(overview, limit, counts),
        store_overview.rest(len(overview.videos), limit, "videos"),
    )


def errors(
    out: Out = None,
    db: Db = None,
    limit: Annotated[int, typer.Option(min=0, metavar="N", help="Rows of the table.")] = 200,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show what failed, and why."""
    from vaengine.reporting import store_overview
    from vaengine.requests.store_location import opened

    with closing(opened(out, db)) as store:
        failures = store_overview.failures(store)
    if as_json:
        emit_each("failure", failures)
        emit("report", failed=len({failure.video_id for failure in failures}), failures=len(failures))
    elif not failures:
        typer.echo("no failures")
    else:
        table = store_overview.failure_table(failures)
        print_table(table.first(limit), store_overview.rest(len(table.rows), limit, "failures"))
