"""What commands do with a batch that was handed to a cluster: find it, follow it, stop it, print."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from schemas.errors import UsageError
from vaengine.console.output import emit, emit_each, print_lines, print_table, say

if TYPE_CHECKING:
    from cluster.submission.job_server import JobServer
    from cluster.submission.submission import Submission

WHERE = "auto, HOST:PORT, the URL of the job server, or a launch file."
STOPPED = 130  # by Ctrl-C, as shells have it
Cluster = Annotated[
    str | None,
    typer.Option("--cluster", metavar="WHERE", help=f"Batches handed to this cluster: {WHERE}"),
]


def relay(cluster: str, arguments: Sequence[str], *, option: bool = True) -> bool:
    """Give the command on the head of a launch file's cluster; false where none is named.

    Ends with the exit code that it has there.
    """
    from cluster.submission import launcher

    if not launcher.is_launch_file(cluster):
        return False
    command = ["vaengine", *arguments, *(["--cluster", "auto"] if option else [])]
    if code := launcher.on_head(Path(cluster), command):
        raise typer.Exit(code)
    return True


def relay_command(context: typer.Context, cluster: str) -> bool:
    """As `relay`, with the command that is being given."""
    from vaengine.cli.runs.run_command import arguments_of, given_values

    values: dict[str, Any] = {
        name: value for name, value in given_values(context).items() if name != "cluster"
    }
    return relay(cluster, [str(context.info_name), *arguments_of(context.command, values)])


def job_server(cluster: str) -> JobServer:
    """The job server of a cluster, once it answers; raises `ClusterUnreachable`."""
    from cluster.session import quiet_ray
    from cluster.submission.job_server import JobServer

    quiet_ray()
    return JobServer(cluster)


def follow(server: JobServer, submission_id: str) -> int:
    """Print the log of a batch until it has ended; returns its exit code.

    Ctrl-C ends the following alone.
    """
    from vaengine.api import cluster_batches

    try:
        ended = cluster_batches.followed(server, submission_id, lambda line: print_lines([line]))
    except KeyboardInterrupt:
        at = f"--cluster {shlex.quote(server.url)}"
        say(f"the batch goes on; `vaengine logs {submission_id} --follow {at}` follows it again")
        return STOPPED
    say(cluster_batches.end_text(ended))
    return cluster_batches.exit_code(ended)


def show_submissions(cluster: str, limit: int, *, as_json: bool) -> None:
    """`vaengine status --cluster`: the batches of a cluster, each with its last submission."""
    from cluster.submission.following import log_lines
    from cluster.submission.submission import newest_of_each
    from vaengine.reporting import submissions as shown
    from vaengine.reporting.store_overview import rest

    server = job_server(cluster)
    found = newest_of_each(server.submissions())
    at_work = [one for one in found[:limit] if not one.has_ended]
    last = {one.submission_id: (log_lines(server.log(one.submission_id)) or [""])[-1] for one in at_work}
    if as_json:
        emit_each(
            "submission", (shown.submission_data(one, last.get(one.submission_id, "")) for one in found)
        )
        emit(
            "report", cluster=server.url, batches=len(found), running=sum(not one.has_ended for one in found)
        )
    elif not found:
        print_lines([f"no batch was handed to the cluster at {server.url}"])
    else:
        print_table(
            shown.submission_table(found[:limit], last, datetime.now(UTC)), rest(len(found), limit, "batches")
        )


def show_log(cluster: str, names: Sequence[str], *, following: bool, as_json: bool) -> int:
    """`vaengine logs --cluster`: the log of a batch, by default the newest; returns the exit code."""
    from cluster.submission.following import log_lines

    server = job_server(cluster)
    (one,) = chosen(server, names[:1] or [None])
    if len(names) > 1:
        raise UsageError("logs --cluster shows one batch: name one")
    if following:
        return follow(server, one.submission_id)
    lines = log_lines(server.log(one.submission_id))
    if as_json:
        emit_each("log", ({"submission_id": one.submission_id, "line": line} for line in lines))
    else:
        print_lines(lines)
    return 0


def cancel_submissions(cluster: str, names: Sequence[str], *, every: bool, as_json: bool) -> None:
    """`vaengine cancel --cluster`: ask batches to stop; what they have in work is finished first."""
    from cluster.submission.submission import newest_of_each

    if not names and not every:
        raise UsageError("which batches? Name them, or say --all; `vaengine status --cluster` lists them")
    server = job_server(cluster)
    found = newest_of_each(server.submissions()) if every else chosen(server, names)
    at_work = [one for one in found if not one.has_ended]
    for one in at_work:
        server.stop(one.submission_id)
    if as_json:
        emit_each(
            "cancelled", ({"submission_id": one.submission_id, "batch_id": one.batch_id} for one in at_work)
        )
        emit("report", cancelled=len(at_work))
        return
    print_lines(f"cancelled: batch {one.batch_id} ({one.submission_id})" for one in at_work)
    print_lines(
        f"has ended: batch {one.batch_id} ({one.submission_id})" for one in found if one not in at_work
    )
    if at_work:
        say("what they have in work is finished and stored first; the same submit goes on with the rest")


def chosen(server: JobServer, names: Sequence[str | None]) -> list[Submission]:
    """The submissions that are named; raises `NotFound`."""
    from cluster.submission.submission import named

    there = server.submissions()
    return [named(name, there, server.url) for name in names]
