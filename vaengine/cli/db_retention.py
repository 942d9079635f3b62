"""`vaengine db prune | forget`: parse, ask, call, print. Results go for good."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.paths import absolute_path
from vaengine.cli.options import Db, Json, Out, Verbose
from vaengine.console.output import emit, emit_each, print_lines, print_table, say

if TYPE_CHECKING:
    from schemas.storage.backend import StorageBackend
    from schemas.storage.retention import Removed

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")]
Also = Annotated[
    list[str] | None,
    typer.Option(
        "--also", metavar="DIR", help="A further folder of results whose files go too; may be given again."
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; needed where there is no terminal.")]


def prune(
    out: Out = None,
    db: Db = None,
    older_than: Annotated[
        str | None, typer.Option(metavar="AGE", help="Jobs that ended so long ago, such as 90d.")
    ] = None,
    statuses: Annotated[
        list[str] | None,
        typer.Option("--status", metavar="STATUS", help="Jobs of this status, such as failed."),
    ] = None,
    to_size: Annotated[
        str | None, typer.Option(metavar="SIZE", help="The oldest, until the store holds less, such as 10GB.")
    ] = None,
    also: Also = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    yes: Yes = False,
    verbose: Verbose = False,
) -> None:
    """Remove jobs with their results, by age, status and size."""
    from vaengine.maintenance import retention

    criteria = retention.criteria_of(older_than, statuses or (), to_size)
    with closing(_opened(out, db, dry_run=dry_run)) as store:
        pruning, named = retention.decided(store, criteria), _named(out, db, also)
        around, plan = retention.pruning_plan(store, pruning, named)
        if as_json:
            emit_each("job", (retention.job_data(job, around) for job in pruning.jobs))
            emit_each("run", ({"epoch": epoch} for epoch in pruning.epochs))
        else:
            print_table(retention.pruning_table(pruning, around))
        if dry_run:
            _tell_left(plan.removed, as_json=as_json)
            say(f"would remove {retention.pruning_line(pruning)}")
            return
        if pruning.jobs or pruning.epochs:
            _ask(lambda: retention.pruning_question(store, pruning, around), yes=yes)
        _tell(retention.prune(store, pruning, named), as_json=as_json, dry_run=False)


def forget(
    named: Annotated[
        str,
        typer.Argument(
            metavar="VIDEO|PERSON",
            help="A video's id or path; identity_0007; or VIDEO:person_0003, face_N, speaker_N.",
        ),
    ],
    out: Out = None,
    db: Db = None,
    also: Also = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    yes: Yes = False,
    verbose: Verbose = False,
) -> None:
    """Remove every trace of a video, or of a person who withdraws."""
    from vaengine.maintenance import retention

    with closing(_opened(out, db, dry_run=dry_run)) as store:
        if not dry_run:
            for line in retention.left_lines(
                store.finish_removal()
            ):  # of one that was killed: the name may mean nothing any longer
                say(line)
        what, folders = retention.resolve_erasure(store, named), _named(out, db, also)
        if not dry_run:
            _ask(
                lambda: retention.forgetting_question(
                    store, what, retention.forget(store, what, folders, dry_run=True)
                ),
                yes=yes,
            )
        _tell(retention.forget(store, what, folders, dry_run=dry_run), as_json=as_json, dry_run=dry_run)


def _opened(out: str | None, db: str | None, *, dry_run: bool) -> StorageBackend:
    """The store that is meant, which must not be made."""
    from actors.stores import open_store
    from vaengine.requests.store_location import opened, stored_at

    store = opened(out, db)
    if dry_run:
        return store
    store.close()
    return open_store(stored_at(db, out))


def _named(out: str | None, db: str | None, also: list[str] | None) -> tuple[Path, ...]:
    """The folders whose files may be touched; raises `UsageError` where a further one is not there."""
    from schemas.errors import UsageError
    from vaengine.requests.store_location import named_folders

    further = [absolute_path(folder) for folder in also or ()]
    for folder in further:
        if not folder.is_dir():
            raise UsageError(f"--also {folder} is no folder: name one of results, as --out does")
    return (*named_folders(out, db), *further)


def _ask(question: Callable[[], str], *, yes: bool) -> None:
    """Once, on a terminal; raises `UsageError` where nobody can be asked."""
    from schemas.errors import UsageError

    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(
            "nothing was removed: say --yes where nobody can be asked (--dry-run tells what would go)"
        )
    if not typer.confirm(question(), err=True):
        say("nothing was removed")
        raise typer.Exit(1)


def _tell(removed: Removed, *, as_json: bool, dry_run: bool) -> None:
    from vaengine.maintenance import retention

    if as_json:
        emit_each("removed", ({"kind": kind, "count": count} for kind, count in removed.counts.items()))
        _tell_left(removed, as_json=True)
        emit("report", dry_run=dry_run, removed=removed.total, folders=dict(removed.folders))
        return
    print_table(retention.removed_table(removed))
    print_lines(retention.folder_lines(removed, dry_run=dry_run))
    print_lines(retention.left_lines(removed))
    say(retention.removed_line(removed, dry_run=dry_run))


def _tell_left(removed: Removed, *, as_json: bool) -> None:
    from vaengine.maintenance import retention

    if as_json:
        emit_each("not_reached", ({"what": line} for line in removed.left))
    else:
        print_lines(retention.left_lines(removed))


COMMANDS = (prune, forget)
