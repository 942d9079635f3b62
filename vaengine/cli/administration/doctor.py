"""`vaengine doctor`: checks this machine, and cleans up after dead runs."""

from __future__ import annotations

import contextlib
from contextlib import closing
from typing import Annotated

import typer

from schemas.errors import NotFound
from schemas.paths import absolute_path
from vaengine.cli.options import Db, Json, Models, Out, Verbose
from vaengine.console.output import emit, emit_each, print_lines


def doctor(
    out: Out = None,
    models: Models = None,
    clean: Annotated[
        bool,
        typer.Option(
            "--clean", help="Remove what dead runs left, of this --out or --db and of this machine."
        ),
    ] = False,
    db: Db = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Check that everything a run needs is installed."""
    if clean:
        raise typer.Exit(clean_up(out, db, as_json=as_json))
    from vaengine.doctor import doctor as examination
    from vaengine.requests.store_location import DEFAULT_OUT

    checks = []
    for check in examination.examine(absolute_path(out or DEFAULT_OUT), models, db=db):
        checks.append(check)
        if not as_json:
            typer.echo(str(check))
    if as_json:
        emit_each("check", checks)
        emit("summary", examination.counts(checks))
    raise typer.Exit(examination.verdict(checks))


def clean_up(out: str | None, db: str | None, *, as_json: bool) -> int:
    """Remove what dead runs left behind and print it; returns the exit code.

    The store is left out if there is none.
    """
    from actors.stores import open_store
    from vaengine.maintenance.cleanup import clean
    from vaengine.requests.store_location import opened, stored_at

    with contextlib.ExitStack() as exit_stack:
        store = None
        with contextlib.suppress(NotFound):
            opened(out, db).close()
            store = exit_stack.enter_context(closing(open_store(stored_at(db, out))))
        lines = list(clean(store))
    if as_json:
        emit_each("cleaned", ({"what": line} for line in lines))
    else:
        print_lines(lines or ["nothing to clean"])
    return 0
