"""`vaengine identities`: who is who across all videos of a store. Parses, calls, prints."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from vaengine.output import print_events, print_table, say

Out = Annotated[str | None, typer.Option("--out", metavar="DIR", help="Folder of the results.  [default: ./vaengine_out]")]
Db = Annotated[str | None, typer.Option("--db", metavar="URL", help="Store: sqlite:///FILE or files:DIR.  [default: in --out]")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object per line on standard output.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show tracebacks of errors.")]


def identities(
    out: Out = None,
    db: Db = None,
    least: Annotated[float, typer.Option(min=-1.0, max=1.0, metavar="COSINE", help="Faces are one person's from this likeness on.")] = 0.45,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show who would be who.")] = False,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Group the faces of all videos to persons, and store who is who."""
    from actors.stores import open_store
    from vaengine.cli import opened
    from vaengine.identities import faces_in, identified, identity_events, identity_table, summary
    from vaengine.location import stored_at

    with closing(opened(out, db)) as store:
        found = identified(faces_in(store), least)
    if not dry_run:
        with closing(open_store(stored_at(db, out))) as store:
            store.put_identities(found)
    if as_json:
        print_events(identity_events(found))
    else:
        print_table(identity_table(found))
        say(summary(found))
