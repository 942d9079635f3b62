"""`vaengine work`: the engine of batches that were submitted to a store."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vaengine.cli.options import Db, Models, Out, Verbose
from vaengine.cli.runs.run import Cluster
from vaengine.console.output import say

if TYPE_CHECKING:
    from vaengine.api.submission.submission_engine import EngineSettings

UntilEmpty = Annotated[
    bool, typer.Option("--until-empty", help="End when nothing waits any more, instead of waiting for more.")
]


def work(
    out: Out = None,
    db: Db = None,
    cluster: Cluster = None,
    models: Models = None,
    until_empty: UntilEmpty = False,
    verbose: Verbose = False,
) -> None:
    """Run batches that were submitted to the server, one after the other."""
    from vaengine.api.submission.submission_engine import SubmissionEngine
    from vaengine.process.signals import EXIT_CODES, Signals

    received: list[str] = []
    engine = SubmissionEngine(engine_settings(out, db, cluster, models), say)
    with Signals() as signals:

        def stop(name: str) -> None:
            received.append(name)
            say("stopping: what is in work is committed first; once more ends it at once")
            engine.stop()

        signals.deliver_to(stop)
        say("waiting for batches; Ctrl-C ends the engine")
        count = engine.run(until_empty=until_empty)
    say(f"{count:,} {'batch' if count == 1 else 'batches'} run")
    raise typer.Exit(EXIT_CODES[received[0]] if received else 0)


def engine_settings(
    out: str | None, db: str | None, cluster: str | None, models: Path | None
) -> EngineSettings:
    """The settings of an engine that works where these options say."""
    from vaengine.api.submission.submission_engine import EngineSettings
    from vaengine.requests.store_location import results_folder, stored_at

    return EngineSettings(
        stored_at(db, out),
        str(results_folder(out, db)),
        cluster,
        None if models is None else os.fspath(models),
    )
