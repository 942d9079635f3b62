"""The command: parse, call, print. Whatever is heavy is imported by the one command that needs it."""

from __future__ import annotations

import re
import shlex
import sys
import traceback
import warnings
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Final

import typer

from schemas.errors import UsageError, VaengineError
from vaengine.cli.config import config_app
from vaengine.cli.db import db_app
from vaengine.cli.doctor import doctor
from vaengine.cli.help_sections import CommandSections
from vaengine.cli.identities import identities_app
from vaengine.cli.jobs import cancel, logs, pause, quarantine_app, retry
from vaengine.cli.migrate import migrate
from vaengine.cli.models import models_app
from vaengine.cli.options import Config, Db, Json, Keep, Models, Out, Preset, Replace, Set
from vaengine.cli.render import plot, render
from vaengine.console.output import print_events, print_lines, print_table, say
from vaengine.console.terminal import outlive_terminal
from vaengine.process.supervisor import Invocation, is_supervised_command, run_supervised

if TYPE_CHECKING:
    from vaengine.requests.replacement import Replace as Mode

WRONG_USE: Final = 2
OTHER_NAMES: Final = {  # of other tools
    **dict.fromkeys(("annotate", "process", "predict", "start"), "run"),
    **dict.fromkeys(("ls", "list"), "status"),
    "continue": "resume",
    "stop": "cancel",
}
# Typer's errors about the command line; the class is not exported under one name by all versions.
CommandLineError: type[Exception] = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException"
)

app = typer.Typer(
    name="vaengine",
    cls=CommandSections,
    help="Find scenes, people, faces and speech in folders of videos. Interrupted runs continue.",
    epilog="Exit codes: 0 all done; 1 some work failed; 2 wrong use, nothing stored; 129, 130, 143 stopped, "
    "finished results are kept.",
    add_completion=False,
    rich_markup_mode=None,  # plain help is half as slow to show, and `[default: ...]` is no markup
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(config_app, name="config")
app.add_typer(models_app, name="models")
app.add_typer(quarantine_app, name="quarantine")
app.add_typer(db_app, name="db")
app.add_typer(identities_app, name="identities")

Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Show Ray's logs and bars, and tracebacks of errors.")
]


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    """Options before any command."""
    if version:
        from vaengine import __version__

        typer.echo(f"vaengine {__version__}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(WRONG_USE)


@app.command()
def run(
    context: typer.Context,
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH",
            help="Videos, folders, globs in quotes, text lists of paths, or - for a list on standard input.",
        ),
    ] = None,
    out: Out = None,
    db: Db = None,
    pipelines: Annotated[
        str | None, typer.Option(metavar="NAMES", help="Such as scene,person,face,audio.  [default: all]")
    ] = None,
    preset: Preset = None,
    fast: Annotated[bool, typer.Option("--fast", help="Short for --preset fast.")] = False,
    high_quality: Annotated[
        bool, typer.Option("--high-quality", help="Short for --preset high-quality.")
    ] = False,
    models: Models = None,
    config: Config = None,
    settings: Set = None,
    workers: Annotated[
        int | None, typer.Option(metavar="N", help="Chunks in work at once, 1 to 32; 0: one per core.")
    ] = None,
    cluster: Annotated[
        str | None, typer.Option(metavar="WHERE", help="local, auto or HOST:PORT of Ray.  [default: local]")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Only the first N videos.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, what it costs, and whether it can be.")
    ] = False,
    as_json: Json = False,
    no_files: Annotated[
        bool, typer.Option("--no-files", help="Only the store, no JSON files beside it.")
    ] = False,
    replace: Replace = False,
    keep: Keep = False,
    as_before: Annotated[
        bool, typer.Option("--as-before", help="With the settings that the store's results were made with.")
    ] = False,
    all_media: Annotated[
        bool, typer.Option("--all-media", help="Of folders take sound too, and media under any name.")
    ] = False,
    input_: Annotated[str | None, typer.Option("--input", "--video", hidden=True)] = None,
    resume_: Annotated[str | None, typer.Option("--resume", hidden=True)] = None,
    verbose: Verbose = False,
) -> None:
    """Annotate videos. The same command again does what is missing."""
    from vaengine.execution.foreground import print_plan, run_in_foreground
    from vaengine.model_selection.preset_table import PresetAnnouncement
    from vaengine.process.signals import Signals
    from vaengine.requests.run_options import RunOptions, resolve_request

    refuse_old_options(input_, resume_)
    options = RunOptions(
        paths=tuple(paths or ()),
        out=out,
        db=db,
        pipelines=pipelines,
        preset=one_preset(preset, fast=fast, high_quality=high_quality),
        config=config,
        settings=tuple(settings or ()),
        workers=workers,
        cluster=cluster,
        limit=limit,
        files=False if no_files else None,
        replace=one_answer(replace=replace, keep=keep, as_before=as_before),
        all_media=True if all_media else None,
        models=models,
        verbose=verbose,
    )
    with Signals() as signals:
        found = resolve_request(
            options, fetch=not dry_run, announce=PresetAnnouncement()
        )  # before weights are fetched or converted, where that has to be
        if dry_run:
            raise typer.Exit(print_plan(found.request, as_json=as_json))
        raise typer.Exit(run_in_foreground(found.request, signals, as_json=as_json, beginning=context.obj))


@app.command()
def resume(
    context: typer.Context,
    batch: Annotated[
        str | None,
        typer.Argument(
            metavar="BATCH", help="Batch id, or path of its checkpoint_<batch>.json.  [default: the newest]"
        ),
    ] = None,
    out: Out = None,
    db: Db = None,
    replace: Replace = False,
    keep: Keep = False,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Continue a batch: stopped, killed, paused or failed parts."""
    from vaengine.api.job_control import unpaused
    from vaengine.console.units import counted
    from vaengine.execution.foreground import run_in_foreground
    from vaengine.model_selection.preset_table import NAMES
    from vaengine.process.signals import Signals
    from vaengine.requests.store_location import checkpoint_of

    with Signals() as signals:
        answer = one_answer(replace=replace, keep=keep)
        request = checkpoint_of(batch, out, db).request(verbose=verbose).answered(answer)
        which = "the newest batch" if batch is None else "batch"
        presets = ", ".join(f"{NAMES[pipeline]} {preset}" for pipeline, preset in request.presets.items())
        say(
            f"{which} {request.batch_id}: {counted(len(request.batch_inputs), 'input')} as first asked; "
            f"{presets}"
        )
        if paused := unpaused(request.store_url, request.batch_id or ""):
            say(f"{counted(paused, 'paused job')} asked for again")
        raise typer.Exit(run_in_foreground(request, signals, as_json=as_json, beginning=context.obj))


@app.command()
def status(
    out: Out = None,
    db: Db = None,
    every: Annotated[
        bool, typer.Option("--all", help="Also jobs whose results those of later settings have replaced.")
    ] = False,
    limit: Annotated[int, typer.Option(min=0, metavar="N", help="Rows of each table.")] = 20,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show progress and results: jobs, batches, videos."""
    from vaengine.reporting import store_overview
    from vaengine.requests.store_location import opened

    with closing(opened(out, db)) as store:
        seen = store_overview.overview(store, every=every)
        found = {} if as_json else store_overview.found_in_rows(store, seen, limit)
    if as_json:
        print_events(store_overview.status_events(seen))
        return
    print_lines(store_overview.summary_lines(seen))
    print_table(
        store_overview.batch_table(seen, limit), store_overview.rest(len(seen.runs), limit, "batches")
    )
    print_table(
        store_overview.video_table(seen, limit, found), store_overview.rest(len(seen.videos), limit, "videos")
    )


@app.command()
def errors(
    out: Out = None,
    db: Db = None,
    limit: Annotated[int, typer.Option(min=0, metavar="N", help="Rows of the table.")] = 200,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show what failed, and why."""
    from vaengine.reporting import store_overview
    from vaengine.requests.store_location import opened

    with closing(opened(out, db)) as store:
        found = store_overview.failures(store)
    if as_json:
        print_events(store_overview.failure_events(found))
    elif not found:
        typer.echo("no failures")
    else:
        table = store_overview.failure_table(found)
        print_table(table.first(limit), store_overview.rest(len(table.rows), limit, "failures"))


app.command()(doctor)
for command in (cancel, pause, retry, logs):
    app.command()(command)
app.command()(migrate)
app.command()(render)
app.command()(plot)


def one_preset(preset: str | None, *, fast: bool, high_quality: bool) -> str | None:
    """The preset that was named, in whichever way; raises `UsageError` for two."""
    named = [
        name for name in (preset, "fast" if fast else None, "high-quality" if high_quality else None) if name
    ]
    if len(set(named)) > 1:
        raise UsageError(
            f"--preset, --fast and --high-quality say different things ({', '.join(named)}): give one"
        )
    return named[0] if named else None


def refuse_old_options(path: str | None, batch: str | None) -> None:
    """Raises `UsageError` with the command to give instead of options that other tools and earlier
    versions have.
    """
    if path is not None:
        raise UsageError(f"the path of a video is given without an option: vaengine run {shlex.quote(path)}")
    if batch is not None:
        raise UsageError(
            f"a batch is continued by a command of its own: vaengine resume {shlex.quote(batch)}"
        )


def one_answer(*, replace: bool, keep: bool, as_before: bool = False) -> Mode | None:
    """What is to become of results of other settings, None where nothing was said; raises `UsageError`
    for two answers.
    """
    said: dict[Mode, bool] = {"replace": replace, "keep": keep, "as-before": as_before}
    given = [mode for mode, is_given in said.items() if is_given]
    if len(given) > 1:
        raise UsageError(
            f"{' and '.join(f'--{mode}' for mode in given)} say different things about earlier results: give "
            "one"
        )
    return given[0] if given else None


def main() -> None:
    """The installed command."""
    beginning, arguments = Invocation.now(), sys.argv[1:]  # before any fork
    outlive_terminal()
    try:
        code = run_supervised(arguments) if is_supervised_command(arguments) else None
    except UsageError as error:
        code = _failed(str(error), WRONG_USE)
    sys.exit(outcome(arguments, beginning) if code is None else code)


def outcome(arguments: list[str], beginning: Invocation | None = None) -> int:
    """Exit code of a command line; whatever goes wrong is one line on standard error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # file names may be any bytes
    verbose = not {"-v", "--verbose"}.isdisjoint(arguments)
    if not verbose:
        quiet_libraries()
    try:
        code = app(args=arguments, prog_name="vaengine", standalone_mode=False, obj=beginning)
    except CommandLineError as error:
        return _failed(_with_help(error), WRONG_USE)
    except VaengineError as error:
        if verbose:
            traceback.print_exc()
        return _failed(
            " ".join([str(error), *getattr(error, "__notes__", ())]),
            WRONG_USE if isinstance(error, UsageError) else 1,
        )
    except Exception as error:  # noqa: BLE001  the last door: what no one foresaw still ends in one line
        if verbose:
            traceback.print_exc()
        return _failed(
            f"internal: {type(error).__name__}: {error}; run it again with -v for the details, and please "
            "report them",
            1,
        )
    return code if isinstance(code, int) else 0


def quiet_libraries() -> None:
    """Warnings that Ray and SQLAlchemy give about their own insides are for their developers; those of
    other modules stay.
    """
    warnings.filterwarnings("ignore", module=r"(ray|sqlalchemy)(\.|$)")


def _failed(message: str, code: int) -> int:
    say(f"error: {message}")
    return code


def _with_help(error: Exception) -> str:
    context = getattr(error, "ctx", None)
    message = error.format_message()  # type: ignore[attr-defined]
    return (
        f"{message}{_nearest_command(error)} `{context.command_path} --help` shows what there is."
        if context
        else message
    )


def _nearest_command(error: Exception) -> str:
    """` Did you mean 'run'?` after a command that other tools have; typer itself suggests what is spelt
    alike.
    """
    unknown = re.fullmatch(r"No such command '(.+)'\.", error.format_message())  # type: ignore[attr-defined]
    meant = OTHER_NAMES.get(unknown[1]) if unknown else None
    return f" Did you mean {meant!r}?" if meant else ""
