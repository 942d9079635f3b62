"""`vaengine identities build | list`: finds and shows the same person in several videos of a store."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.errors import UsageError
from vaengine.cli.options import Db, Json, Out, Verbose
from vaengine.console.output import emit, emit_each, print_table, say

if TYPE_CHECKING:
    from schemas.storage.backend import Identity

identities_app = typer.Typer(
    help="Find the same person in several videos by face.", invoke_without_command=True
)

Least = Annotated[
    float | None,
    typer.Option(
        min=-1.0,
        max=1.0,
        metavar="COSINE",
        help="Minimum similarity to count two faces as the same person, -1 to 1.  [default: face.same_person "
        "of the newest run]",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show who would be who.")]


@identities_app.callback()
def identities(
    context: typer.Context,
    out: Out = None,
    db: Db = None,
    least: Least = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Find the same person in several videos by face. Without a command: build."""
    if context.invoked_subcommand is None:
        build(out, db, least, dry_run=dry_run, as_json=as_json)
    elif (out, db, least, dry_run, as_json) != (None, None, None, False, False):
        raise UsageError(
            f"options come after the command: vaengine identities {context.invoked_subcommand} ..."
        )


@identities_app.command("build")
def identities_build(
    out: Out = None,
    db: Db = None,
    least: Least = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Group the faces of all videos to persons, and store who is who."""
    build(out, db, least, dry_run=dry_run, as_json=as_json)


@identities_app.command("list")
def identities_list(out: Out = None, db: Db = None, as_json: Json = False, verbose: Verbose = False) -> None:
    """Show who is who, as last built. Changes nothing."""
    from vaengine.requests.store_location import opened

    with closing(opened(out, db)) as store:
        found = store.identities()
    nothing = "no identities are stored: vaengine identities build finds them"
    print_identities(found, as_json=as_json, nothing=nothing)


def build(out: str | None, db: str | None, least: float | None, *, dry_run: bool, as_json: bool) -> None:
    """Group the faces of all videos to identities, store them unless `dry_run`, and print them.

    `least` is the lowest cosine similarity of two faces of one person; None takes it from the newest run.
    """
    from actors.stores import open_store
    from vaengine.requests.store_location import opened, stored_at
    from vaengine.results.identities import faces_in, identified, likeness_in, summary

    with closing(opened(out, db)) as store:
        found = identified(faces_in(store), likeness_in(store) if least is None else least)
    if not dry_run:
        with closing(open_store(stored_at(db, out))) as store:
            store.put_identities(found)
    print_identities(found, as_json=as_json, nothing=summary(()))


def print_identities(found: Sequence[Identity], *, as_json: bool, nothing: str) -> None:
    """Print identities: as JSON an object for each face, otherwise a line for each person.

    `nothing` is the line for no identities.
    """
    from vaengine.results.identities import identity_table, of_each, summary

    if as_json:
        emit_each("identity", found)
        emit("report", identities=len(of_each(found)), faces=len(found))
        return
    print_table(identity_table(found))
    say(summary(found) if found else nothing)
