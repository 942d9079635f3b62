"""`vaengine db prune | forget`: parse, ask, call, print. Results go for good."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.paths import absolute_path
from vaengine.cli_options import Db, Json, Out, Verbose
from vaengine.location import DEFAULT_OUT
from vaengine.output import print_events, print_lines, print_table, say

if TYPE_CHECKING:
    from schemas.retention import Removed
    from schemas.store import StorageBackend

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; needed where there is no terminal.")]


def prune(
    out: Out = None,
    db: Db = None,
    older_than: Annotated[str | None, typer.Option(metavar="AGE", help="Jobs that ended so long ago, such as 90d.")] = None,
    statuses: Annotated[list[str] | None, typer.Option("--status", metavar="STATUS", help="Jobs of this status, such as failed.")] = None,
    to_size: Annotated[str | None, typer.Option(metavar="SIZE", help="The oldest, until the store holds less, such as 10GB.")] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    yes: Yes = False,
    verbose: Verbose = False,
) -> None:
    """Remove jobs with their results, by age, status and size."""
    from vaengine import retention

    criteria = retention.criteria_of(older_than, statuses or (), to_size)
    with closing(_opened(out, db, dry_run=dry_run)) as store:
        pruning = retention.decided(store, criteria)
        if as_json:
            print_events(retention.pruning_events(pruning))
        else:
            print_table(retention.pruning_table(pruning))
        if dry_run:
            say(f"would remove {retention.pruning_line(pruning)}")
            return
        if pruning.jobs or pruning.epochs:
            _ask(f"remove {retention.pruning_line(pruning)}?", yes=yes)
        _tell(retention.prune(store, pruning, _folder(out, db)), as_json=as_json, dry_run=False)


def forget(
    named: Annotated[
        str, typer.Argument(metavar="VIDEO|PERSON", help="A video's id or path; identity_0007; or VIDEO:person_0003, face_N, speaker_N.")
    ],
    out: Out = None,
    db: Db = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    yes: Yes = False,
    verbose: Verbose = False,
) -> None:
    """Remove every trace of a video, or of a person who withdraws."""
    from vaengine import retention

    with closing(_opened(out, db, dry_run=dry_run)) as store:
        if not dry_run:
            for line in retention.left_lines(store.finish_removal()):  # of one that was killed: the name may mean nothing any longer
                say(line)
        what = retention.meant(store, named)
        if not dry_run:
            _ask(f"remove {what}, for good?", yes=yes)
        _tell(retention.forget(store, what, _folder(out, db), dry_run=dry_run), as_json=as_json, dry_run=dry_run)


def _opened(out: str | None, db: str | None, *, dry_run: bool) -> StorageBackend:
    """The store that is meant, which must not be made."""
    from actors.stores import open_store
    from vaengine.location import opened, stored_at

    store = opened(out, db)
    if dry_run:
        return store
    store.close()
    return open_store(stored_at(db, out))


def _folder(out: str | None, db: str | None) -> Path | None:
    return absolute_path(out or DEFAULT_OUT) if out or not db else None


def _ask(question: str, *, yes: bool) -> None:
    """Once, on a terminal; raises `UsageError` where nobody can be asked."""
    from schemas.errors import UsageError

    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("nothing was removed: say --yes where nobody can be asked (--dry-run tells what would go)")
    if not typer.confirm(question, err=True):
        say("nothing was removed")
        raise typer.Exit(1)


def _tell(removed: Removed, *, as_json: bool, dry_run: bool) -> None:
    from vaengine import retention

    if as_json:
        print_events(retention.removed_events(removed, dry_run=dry_run))
        return
    print_table(retention.removed_table(removed))
    print_lines(retention.left_lines(removed))
    say(retention.removed_line(removed, dry_run=dry_run))


COMMANDS = (prune, forget)
