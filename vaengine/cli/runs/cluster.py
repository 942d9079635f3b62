"""`vaengine cluster`: parse, call, print."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from vaengine.cli.options import Json, Verbose
from vaengine.cli.runs.submissions import WHERE, follow, job_server, relay
from vaengine.console.output import emit, emit_each, print_lines, print_table, say

LaunchFile = Annotated[
    Path, typer.Argument(metavar="FILE", help="Launch file in YAML, as `ray up` takes it.")
]
PASSED_ON = {"ignore_unknown_options": True}

cluster_app = typer.Typer(
    help="Start a cluster, and hand batches to it.",
    epilog="Environment: RAY_ADDRESS or RAY_API_SERVER_ADDRESS is the cluster that auto means.",
    rich_markup_mode=None,
)


@cluster_app.command("submit", context_settings=PASSED_ON)
def cluster_submit(
    context: typer.Context,
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...", help="Paths and options of `vaengine run`, as the cluster sees them."
        ),
    ],
    cluster: Annotated[str, typer.Option("--cluster", metavar="WHERE", help=f"Where to: {WHERE}")] = "auto",
    detach: Annotated[bool, typer.Option("--detach", help="Do not follow the log.")] = False,
) -> None:
    """Hand a batch to a cluster, and follow its log. Again: go on."""
    from vaengine.cli.runs.run_command import run_command

    command = run_command(arguments, "vaengine cluster submit")
    if relay(cluster, ["cluster", "submit", *command.arguments[1:], *(["--detach"] if detach else [])]):
        return
    from vaengine.api import cluster_batches

    server = job_server(cluster)
    handover = cluster_batches.submit(server, command)
    say(f"{handover}; its results go to {command.db or command.out} on the cluster")
    at = f"--cluster {shlex.quote(server.url)}"
    for step in ("status", f"logs {handover.batch_id}", f"cancel {handover.batch_id}"):
        say(f"  vaengine {step} {at}")
    if not detach:
        raise typer.Exit(follow(server, handover.submission_id))


@cluster_app.command("status")
def cluster_status(
    where: Annotated[
        str, typer.Argument(metavar="WHERE", help="auto, HOST:PORT, or a launch file.")
    ] = "auto",
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show the nodes of a cluster, and what it is short of."""
    if relay(where, ["cluster", "status", "auto", *(["--json"] if as_json else [])], option=False):
        return
    from cluster.overview import cluster_overview
    from cluster.session import quiet_ray
    from vaengine.reporting.submissions import node_table, overview_lines

    quiet_ray(verbose=verbose)
    seen = cluster_overview(where)
    if as_json:
        emit_each("node", seen.nodes)
        emit(
            "report", address=seen.address, nodes=len(seen.nodes), waiting=[list(one) for one in seen.waiting]
        )
        return
    print_lines(overview_lines(seen))
    print_table(node_table(seen))


@cluster_app.command("up", context_settings=PASSED_ON)
def cluster_up(
    file: LaunchFile,
    options: Annotated[
        list[str] | None,
        typer.Argument(metavar="[OPTIONS]", help="Options of `ray up`, such as --min-workers 2."),
    ] = None,
) -> None:
    """Start the cluster of a launch file, or bring it up to date."""
    from cluster.submission import launcher

    launcher.up(file, options or ())
    say(f"the cluster of {file} is up: vaengine cluster submit PATH --cluster {shlex.quote(str(file))}")


@cluster_app.command("down", context_settings=PASSED_ON)
def cluster_down(
    file: LaunchFile,
    options: Annotated[
        list[str] | None,
        typer.Argument(metavar="[OPTIONS]", help="Options of `ray down`, such as --workers-only."),
    ] = None,
) -> None:
    """End the cluster of a launch file. Results stay where they are."""
    from cluster.submission import launcher

    launcher.down(file, options or ())
    say(f"the cluster of {file} is ended; results on shared storage or in a database stay")
