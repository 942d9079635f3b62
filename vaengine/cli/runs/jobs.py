"""`vaengine cancel | pause | retry | quarantine | logs`: commands about jobs, also of a running batch."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.errors import UsageError
from vaengine.cli.options import Db, Json, Out, Verbose
from vaengine.cli.runs.submissions import Cluster, cancel_submissions, relay_command, show_log
from vaengine.console.output import emit, emit_each, print_lines, print_table, say

if TYPE_CHECKING:
    from schemas.storage.backend import StorageBackend
    from schemas.work.job import BatchJob

Jobs = Annotated[
    list[str] | None,
    typer.Argument(metavar="JOB", help="Ids of jobs or videos (their beginning will do), names or paths."),
]
All = Annotated[bool, typer.Option("--all", help="Every job of the store.")]

quarantine_app = typer.Typer(help="Videos that no run tries until they are released.")


def cancel(
    context: typer.Context,
    jobs: Jobs = None,
    every: All = False,
    out: Out = None,
    db: Db = None,
    cluster: Cluster = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Cancel jobs. Results so far are kept."""
    if cluster:
        if not relay_command(context, cluster):
            cancel_submissions(cluster, jobs or (), every=every, as_json=as_json)
        return
    from vaengine.api import job_control

    _control("cancelled", job_control.cancel, jobs, every, out, db, as_json=as_json)


def pause(
    jobs: Jobs = None,
    every: All = False,
    out: Out = None,
    db: Db = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Pause jobs. `vaengine resume` continues them."""
    from vaengine.api import job_control

    _control(
        "paused", job_control.pause, jobs, every, out, db, as_json=as_json, then=job_control.how_to_unpause
    )


def retry(
    jobs: Jobs = None,
    every: All = False,
    out: Out = None,
    db: Db = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Try failed, cancelled or paused jobs again."""
    from vaengine.api import job_control

    _control(
        "retried", job_control.retry, jobs, every, out, db, as_json=as_json, then=job_control.how_it_goes_on
    )


@quarantine_app.command("list")
def quarantine_list(out: Out = None, db: Db = None, as_json: Json = False, verbose: Verbose = False) -> None:
    """What is in quarantine, and why."""
    from vaengine.api import job_control
    from vaengine.requests.store_location import opened

    with closing(opened(out, db)) as store:
        quarantined = job_control.quarantined(store)
    if as_json:
        for job, pipeline in quarantined:
            emit(
                "quarantined",
                job_id=job.job_id,
                path=job.location,
                pipeline=pipeline,
                message=job.pipeline_results[pipeline].error_message,
            )
        emit("report", quarantined=len(quarantined))
    elif quarantined:
        print_table(job_control.quarantine_table(quarantined))
    else:
        typer.echo("nothing is in quarantine")


@quarantine_app.command("add")
def quarantine_add(
    jobs: Jobs = None,
    every: All = False,
    out: Out = None,
    db: Db = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Put what failed of jobs into quarantine: nothing tries it until it is released."""
    from vaengine.api import job_control

    _control("quarantined", job_control.quarantine, jobs, every, out, db, as_json=as_json)


@quarantine_app.command("release")
def quarantine_release(
    jobs: Jobs = None,
    every: All = False,
    out: Out = None,
    db: Db = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Let jobs out of quarantine: they are tried again."""
    from vaengine.api import job_control

    _control(
        "released",
        job_control.released,
        jobs,
        every,
        out,
        db,
        as_json=as_json,
        then=job_control.how_it_goes_on,
    )


def logs(
    context: typer.Context,
    jobs: Jobs = None,
    every: All = False,
    out: Out = None,
    db: Db = None,
    cluster: Cluster = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="With --cluster: until the batch ends.")
    ] = False,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show what happened to jobs, step by step (times UTC)."""
    if cluster:
        if not relay_command(context, cluster):
            raise typer.Exit(show_log(cluster, jobs or (), following=follow, as_json=as_json))
        return
    if follow:
        raise UsageError("--follow goes with --cluster: it follows a batch that was handed to one")
    from vaengine.api import job_control
    from vaengine.requests.store_location import opened

    with closing(opened(out, db)) as store:
        entries = job_control.log_of(store, job_control.chosen(store, jobs or (), every=every))
    if as_json:
        emit_each("log", map(job_control.log_data, entries))
    else:
        print_lines(job_control.log_lines(entries, details=verbose))


def _control(
    word: str,
    apply: Callable[[StorageBackend, Sequence[BatchJob]], list[BatchJob]],
    names: list[str] | None,
    every: bool,
    out: str | None,
    db: str | None,
    *,
    as_json: bool,
    then: Callable[[StorageBackend, str], str] | None = None,
) -> None:
    """Apply a control to the named jobs, and print the jobs that it changed.

    `word` is the name of the change, `then` returns a next step to print, given the store and its options.
    """
    from actors.stores import open_store
    from vaengine.api import job_control
    from vaengine.requests.store_location import opened, stored_at

    opened(out, db).close()  # raises for a missing store, which the next line would make
    with closing(open_store(stored_at(db, out))) as store:
        jobs = job_control.chosen(store, names or (), every=every)
        changed = apply(store, jobs)
        next_step = then(store, store_options(out, db)) if then and changed else None
    if as_json:
        for job in changed:
            emit(word, job_id=job.job_id, video_id=job.video_id, path=job.location)
        emit("report", {word: len(changed)})
        return
    print_lines(f"{word}: {job.location} ({job.job_id[:8]})" for job in changed)
    if names:
        print_lines(job_control.not_concerned(word, jobs, changed))
    say(next_step or f"{len(changed)} {'job' if len(changed) == 1 else 'jobs'} {word}")


def store_options(out: str | None, db: str | None) -> str:
    """The options `--out` and `--db` as given, each after a space; an address has no password."""
    from vaengine.requests.store_location import shown

    options = (("--out", out), ("--db", shown(db) if db else None))
    return "".join(f" {option} {shlex.quote(value)}" for option, value in options if value)
