"""`vaengine db prune | forget`: commands that remove results for good, after a question."""

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
        pruning, folders = retention.decided(store, criteria), _folders(out, db, also)
        result_folders, plan = retention.pruning_plan(store, pruning, folders)
        if as_json:
            emit_each("job", (retention.job_data(job, result_folders) for job in pruning.jobs))
            emit_each("run", ({"epoch": epoch} for epoch in pruning.epochs))
        else:
            print_table(retention.pruning_table(pruning, result_folders))
        if dry_run:
            _print_unreached(plan.removed, as_json=as_json)
            say(f"would remove {retention.pruning_line(pruning)}")
            return
        if pruning.jobs or pruning.epochs:
            _confirm(lambda: retention.pruning_question(store, pruning, result_folders), yes=yes)
        _print_removed(retention.prune(store, pruning, folders), as_json=as_json, dry_run=False)


def forget(
    name: Annotated[
        str,
        typer.Argument(
            metavar="VIDEO|PERSON",
            help="A video's id or path; a person's name; identity_0007; or "
            "VIDEO:person_0003, face_N, speaker_N.",
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
            # A removal that was killed is finished first: afterwards the name may be unknown.
            for line in retention.left_lines(store.finish_removal()):
                say(line)
        erasure, folders = retention.resolve_erasure(store, name), _folders(out, db, also)
        if not dry_run:
            _confirm(
                lambda: retention.forgetting_question(
                    store, erasure, retention.forget(store, erasure, folders, dry_run=True)
                ),
                yes=yes,
            )
        removed = retention.forget(store, erasure, folders, dry_run=dry_run)
        _print_removed(removed, as_json=as_json, dry_run=dry_run)


def _opened(out: str | None, db: str | None, *, dry_run: bool) -> StorageBackend:
    """The existing store of these options, for writing unless it is a dry run; raises `NotFound`."""
    from actors.stores import open_store
    from vaengine.requests.store_location import opened, stored_at

    store = opened(out, db)
    if dry_run:
        return store
    store.close()
    return open_store(stored_at(db, out))


def _folders(out: str | None, db: str | None, also: list[str] | None) -> tuple[Path, ...]:
    """The folders whose files may be removed; raises `UsageError` if one of `--also` is missing."""
    from schemas.errors import UsageError
    from vaengine.requests.store_location import named_folders

    further = [absolute_path(folder) for folder in also or ()]
    for folder in further:
        if not folder.is_dir():
            raise UsageError(f"--also {folder} is no folder: name one of results, as --out does")
    return (*named_folders(out, db), *further)


def _confirm(question: Callable[[], str], *, yes: bool) -> None:
    """Ask on a terminal whether to go on, else end the command; raises `UsageError` without a terminal."""
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


def _print_removed(removed: Removed, *, as_json: bool, dry_run: bool) -> None:
    from vaengine.maintenance import retention

    if as_json:
        emit_each("removed", ({"kind": kind, "count": count} for kind, count in removed.counts.items()))
        emit_each("told", ({"what": line} for line in removed.told))
        _print_unreached(removed, as_json=True)
        emit("report", dry_run=dry_run, removed=removed.total, folders=dict(removed.folders))
        return
    print_table(retention.removed_table(removed))
    print_lines(retention.told_lines(removed))
    print_lines(retention.folder_lines(removed, dry_run=dry_run))
    print_lines(retention.left_lines(removed))
    say(retention.removed_line(removed, dry_run=dry_run))


def _print_unreached(removed: Removed, *, as_json: bool) -> None:
    """Print what could not be removed, such as files in other folders."""
    from vaengine.maintenance import retention

    if as_json:
        emit_each("not_reached", ({"what": line} for line in removed.left))
    else:
        print_lines(retention.left_lines(removed))


COMMANDS = (prune, forget)
