"""`vaengine identities`: who is who across all videos of a store. Parses, calls, prints."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from vaengine.cli_options import Db, Json, Out, Verbose
from vaengine.output import print_events, print_table, say


def identities(
    out: Out = None,
    db: Db = None,
    least: Annotated[
        float | None,
        typer.Option(
            min=-1.0,
            max=1.0,
            metavar="COSINE",
            help="Faces are one person's from this likeness on.  [default: face.same_person of the newest run]",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show who would be who.")] = False,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Group the faces of all videos to persons, and store who is who."""
    from actors.stores import open_store
    from vaengine.identities import faces_in, identified, identity_events, identity_table, likeness_in, summary
    from vaengine.location import opened, stored_at

    with closing(opened(out, db)) as store:
        found = identified(faces_in(store), likeness_in(store) if least is None else least)
    if not dry_run:
        with closing(open_store(stored_at(db, out))) as store:
            store.put_identities(found)
    if as_json:
        print_events(identity_events(found))
    else:
        print_table(identity_table(found))
        say(summary(found))
