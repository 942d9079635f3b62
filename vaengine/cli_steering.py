"""`vaengine cancel | pause | retry | quarantine | logs`: parse, call, print. All work on a batch that runs, from another terminal."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from vaengine.cli_options import Db, Json, Out, Verbose
from vaengine.output import print_events, print_lines, print_table, say

if TYPE_CHECKING:
    from schemas.job import BatchJob
    from schemas.store import StorageBackend

Jobs = Annotated[list[str] | None, typer.Argument(metavar="JOB", help="Ids of jobs or videos (their beginning will do), names or paths.")]
All = Annotated[bool, typer.Option("--all", help="Every job of the store.")]

quarantine_app = typer.Typer(help="Videos given up because they crash the worker.")


def cancel(jobs: Jobs = None, every: All = False, out: Out = None, db: Db = None, as_json: Json = False, verbose: Verbose = False) -> None:
    """Cancel jobs. Results so far are kept."""
    from vaengine import steering

    _steer("cancelled", steering.cancel, jobs, every, out, db, as_json=as_json)


def pause(jobs: Jobs = None, every: All = False, out: Out = None, db: Db = None, as_json: Json = False, verbose: Verbose = False) -> None:
    """Pause jobs. `vaengine resume` continues them."""
    from vaengine import steering

    _steer("paused", steering.pause, jobs, every, out, db, as_json=as_json, then=steering.how_to_unpause)


def retry(jobs: Jobs = None, every: All = False, out: Out = None, db: Db = None, as_json: Json = False, verbose: Verbose = False) -> None:
    """Try failed, cancelled or paused jobs again."""
    from vaengine import steering

    _steer("retried", steering.retry, jobs, every, out, db, as_json=as_json, then=steering.how_it_goes_on)


@quarantine_app.command("list")
def quarantine_list(out: Out = None, db: Db = None, as_json: Json = False, verbose: Verbose = False) -> None:
    """What is in quarantine, and why."""
    from vaengine import steering
    from vaengine.location import opened

    with closing(opened(out, db)) as store:
        found = steering.quarantined(store)
    if as_json:
        print_events(steering.quarantine_events(found))
    elif found:
        print_table(steering.quarantine_table(found))
    else:
        typer.echo("nothing is in quarantine")


@quarantine_app.command("release")
def quarantine_release(
    jobs: Jobs = None, every: All = False, out: Out = None, db: Db = None, as_json: Json = False, verbose: Verbose = False
) -> None:
    """Let jobs out of quarantine: they are tried again."""
    from vaengine import steering

    _steer("released", steering.released, jobs, every, out, db, as_json=as_json, then=steering.how_it_goes_on)


def logs(jobs: Jobs = None, every: All = False, out: Out = None, db: Db = None, as_json: Json = False, verbose: Verbose = False) -> None:
    """Show what happened to jobs, step by step (times UTC)."""
    from vaengine import steering
    from vaengine.location import opened

    with closing(opened(out, db)) as store:
        found = steering.log_of(store, steering.chosen(store, jobs or (), every=every))
    if as_json:
        print_events(steering.log_events(found))
    else:
        print_lines(steering.log_lines(found, details=verbose))


def _steer(
    word: str,
    act: Callable[[StorageBackend, Sequence[BatchJob]], list[BatchJob]],
    names: list[str] | None,
    every: bool,
    out: str | None,
    db: str | None,
    *,
    as_json: bool,
    then: Callable[[StorageBackend, str], str] | None = None,
) -> None:
    """Open the store for writing, have `act` done to the jobs that are meant, and tell which it concerned."""
    from actors.stores import open_store
    from vaengine import steering
    from vaengine.location import opened, stored_at

    opened(out, db).close()  # one that is not there must not be made
    with closing(open_store(stored_at(db, out))) as store:
        named = steering.chosen(store, names or (), every=every)
        concerned = act(store, named)
        next_step = then(store, named_store(out, db)) if then and concerned else None
    if as_json:
        print_events(steering.job_events(word, concerned))
        return
    print_lines(f"{word}: {job.video_path} ({job.job_id[:8]})" for job in concerned)
    if names:
        print_lines(steering.not_concerned(word, named, concerned))
    say(next_step or f"{len(concerned)} {'job' if len(concerned) == 1 else 'jobs'} {word}")


def named_store(out: str | None, db: str | None) -> str:
    """The options that name the store once more, each with a blank before it; addresses without a password."""
    from vaengine.location import shown

    given = (("--out", out), ("--db", shown(db) if db else None))
    return "".join(f" {option} {shlex.quote(value)}" for option, value in given if value)
