"""`vaengine db upgrade | current | check | stats | vacuum | backup`: commands that maintain a store."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer

from vaengine.cli.options import Db, Json, Out, Verbose
from vaengine.console.output import emit, emit_each, print_lines, print_table, say

SOME_FOUND: Final = 3  # exit code of a check that finds something


def upgrade(
    sql: Annotated[
        bool, typer.Option("--sql", help="Only print the SQL, for somebody whose role may make tables.")
    ] = False,
    out: Out = None,
    db: Db = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Bring tables to this version. An SQLite file is first copied beside itself."""
    from vaengine.maintenance import maintenance
    from vaengine.maintenance import maintenance_report as report
    from vaengine.requests.store_location import stored_at

    url = stored_at(db, out)
    if sql:
        statements = maintenance.upgrade_sql(url)
        if as_json:
            emit("upgrade_sql", sql=statements)
        elif statements:
            print_lines([statements])
        else:
            say("the tables are of this version: there is nothing to run")
        return
    result = maintenance.upgrade(url)
    if as_json:
        emit("upgraded", result, changed=result.before != result.after)
    else:
        print_lines([report.upgrade_line(result)])


def current(out: Out = None, db: Db = None, as_json: Json = False, verbose: Verbose = False) -> None:
    """Say of which version the tables are. Changes nothing."""
    from vaengine.maintenance import maintenance
    from vaengine.maintenance import maintenance_report as report
    from vaengine.requests.store_location import stored_at

    status = maintenance.schema_status(stored_at(db, out))
    if as_json:
        emit("current", status, agrees=status.agrees)
    else:
        print_lines(report.schema_status_lines(status))


def check(out: Out = None, db: Db = None, as_json: Json = False, verbose: Verbose = False) -> None:
    """Check for damaged or orphaned data. Changes nothing; exit code 0: none, 3: some."""
    from vaengine.maintenance import maintenance
    from vaengine.maintenance import maintenance_report as report
    from vaengine.requests.store_location import shown, stored_at

    url = stored_at(db, out)
    findings = list(maintenance.check(url))
    if as_json:
        emit_each("finding", findings)
        emit("checked", store=shown(url), findings=len(findings))
    else:
        print_lines(report.check_lines(findings, shown(url)))
    raise typer.Exit(SOME_FOUND if findings else 0)


def stats(out: Out = None, db: Db = None, as_json: Json = False, verbose: Verbose = False) -> None:
    """Count what a store holds and takes. Tables, videos, jobs, annotations, embeddings."""
    from vaengine.maintenance import maintenance
    from vaengine.maintenance import maintenance_report as report
    from vaengine.requests.store_location import shown, stored_at

    url = stored_at(db, out)
    statistics = maintenance.census(url)
    if as_json:
        emit("stats", {"store": shown(url), **asdict(statistics)})
        return
    print_lines(report.census_lines(statistics))
    for table in report.census_tables(statistics):
        print_table(table)


def vacuum(out: Out = None, db: Db = None, as_json: Json = False, verbose: Verbose = False) -> None:
    """Give back the room of removed rows. And renew what the database knows of its values."""
    from vaengine.maintenance import maintenance
    from vaengine.maintenance import maintenance_report as report
    from vaengine.requests.store_location import stored_at

    result = maintenance.vacuum(stored_at(db, out))
    for line in result.refused:
        say(line)
    if as_json:
        emit("vacuumed", result)
    else:
        print_lines([report.vacuum_line(result)])


def backup(
    destination: Annotated[
        Path,
        typer.Argument(metavar="DEST", help="A new file: SQLite's, pg_dump's (custom), or a tar of files."),
    ],
    out: Out = None,
    db: Db = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Copy a store to a new file, also beside runs."""
    from vaengine.maintenance import maintenance
    from vaengine.maintenance import maintenance_report as report
    from vaengine.requests.store_location import stored_at

    result = maintenance.backup(stored_at(db, out), destination)
    if as_json:
        emit("backup", result)
    else:
        print_lines([report.backup_line(result)])


COMMANDS: Final = (upgrade, current, check, stats, vacuum, backup)
