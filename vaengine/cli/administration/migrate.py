"""`vaengine migrate` and `vaengine db verify`: commands that copy and compare stores."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vaengine.cli.administration.db import db_app
from vaengine.cli.options import Json, Verbose
from vaengine.console.output import print_event, print_lines, print_table, say

URL_FORMS = "sqlite:///FILE, files:DIR or postgresql://..."

Source = Annotated[
    str, typer.Argument(metavar="SRC", help=f"Store to move from, which is only read: {URL_FORMS}.")
]
Destination = Annotated[str, typer.Argument(metavar="DST", help="Store to move to, made if need be.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Only look for what would not arrive unchanged; write nothing.")
]
OnInvalid = Annotated[
    str, typer.Option("--on-invalid", metavar="fail|quarantine", help="Stop at it, or leave it out.")
]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite-differing", help="Move again what DST has otherwise, whoever changed it there."
    ),
]
Report = Annotated[
    Path | None, typer.Option("--report", metavar="FILE", help="Keep what came of it as JSON.")
]


def migrate(
    source: Source,
    destination: Destination,
    dry_run: DryRun = False,
    on_invalid: OnInvalid = "fail",
    overwrite: Overwrite = False,
    report: Report = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Copy all results to another store and verify them.

    If it is interrupted, run the command again.
    """
    from vaengine.maintenance import migration, migration_report
    from vaengine.maintenance.migration_progress import shown

    invalid_policy = migration.on_invalid(on_invalid)
    if dry_run:
        with shown("looking", as_json=as_json) as progress:
            rows, lossy_values = migration.preflight(source, destination, progress)
            differing = migration.differing(source, destination, progress) if overwrite else ()
        first, second = migration.shown(source, destination)
        event = migration_report.lossy_event(lossy_values, rows, first, second, differing)
        lines = migration_report.lossy_lines(lossy_values, sum(rows.values()), second, differing)
        code = migration_report.LEFT_OUT if lossy_values else migration_report.EQUAL
    else:
        with shown("moving", as_json=as_json) as progress:
            result = migration.migrate(source, destination, invalid_policy, progress, overwrite=overwrite)
        event, lines = migration_report.migration_event(result), migration_report.migration_lines(result)
        code = migration_report.migration_code(result)
    if as_json:
        print_event(event)
    else:
        print_lines(lines)
    if report:
        migration_report.write(event, report)
        say(f"report   {report}")
    raise typer.Exit(code)


@db_app.command("verify")
def db_verify(
    first: Annotated[str, typer.Argument(metavar="A", help=f"One store: {URL_FORMS}.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Another one.")],
    within: Annotated[
        bool, typer.Option("--within", help="B may hold more videos and batches: are those of A in it?")
    ] = False,
    report: Report = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Whether two stores hold the same, and otherwise what differs: exit code 0 or 3."""
    from vaengine.maintenance import migration, migration_report
    from vaengine.maintenance.migration_progress import shown

    with shown("comparing", as_json=as_json) as progress:
        comparison = migration.verify(first, second, progress, within=within)
    event = migration_report.comparison_event(comparison)
    if as_json:
        print_event(event)
    else:
        print_table(migration_report.table(comparison.tables))
        print_lines(migration_report.comparison_lines(comparison))
    if report:
        migration_report.write(event, report)
        say(f"report   {report}")
    raise typer.Exit(migration_report.EQUAL if comparison.equal else migration_report.DIFFERENT)
