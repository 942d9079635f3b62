"""The command line `vaengine`: its commands, and the exit code of a call.

Each group of commands has its own module. A command imports heavy modules when it runs.
"""

from __future__ import annotations

import re
import sys
import traceback
import warnings
from functools import cache
from typing import Annotated, Any, Final

import typer

from schemas.errors import UsageError, VaengineError
from vaengine.cli.administration.config import config_app
from vaengine.cli.administration.db import db_app
from vaengine.cli.administration.doctor import doctor
from vaengine.cli.administration.migrate import migrate
from vaengine.cli.administration.models import models_app
from vaengine.cli.help_sections import CommandSections
from vaengine.cli.results.compare import compare
from vaengine.cli.results.export import export
from vaengine.cli.results.identities import identities_app
from vaengine.cli.results.import_command import import_annotations
from vaengine.cli.results.person import person_app
from vaengine.cli.results.query import facets, query
from vaengine.cli.results.render import plot, render
from vaengine.cli.results.similar import similar
from vaengine.cli.runs.cluster import cluster_app
from vaengine.cli.runs.jobs import cancel, logs, pause, quarantine_app, retry
from vaengine.cli.runs.run import resume, run
from vaengine.cli.runs.serve import serve
from vaengine.cli.runs.status import errors, status
from vaengine.cli.runs.work import work
from vaengine.cli.training.dataset import dataset_app
from vaengine.cli.training.train import train
from vaengine.console.output import say
from vaengine.console.terminal import outlive_terminal
from vaengine.process.supervisor import Invocation, is_supervised_command, run_supervised

USAGE_ERROR: Final = 2  # exit code
NAMES_IN_OTHER_TOOLS: Final = {  # name of a command elsewhere -> its name here
    **dict.fromkeys(("annotate", "process", "predict", "start"), "run"),
    **dict.fromkeys(("ls", "list"), "status"),
    "continue": "resume",
    "stop": "cancel",
}
# Typer's errors about the command line. Typer's versions export the class under different names.
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
    rich_markup_mode=None,  # plain help takes half the time to show, and `[default: ...]` is no markup
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(config_app, name="config")
app.add_typer(models_app, name="models")
app.add_typer(quarantine_app, name="quarantine")
app.add_typer(db_app, name="db")
app.add_typer(identities_app, name="identities")
app.add_typer(person_app, name="person")
app.add_typer(cluster_app, name="cluster")
app.add_typer(dataset_app, name="dataset")


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    """The options before any command."""
    if version:
        from vaengine import __version__

        typer.echo(f"vaengine {__version__}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(USAGE_ERROR)


for command in (
    run,
    resume,
    status,
    errors,
    query,
    facets,
    similar,
    doctor,
    cancel,
    pause,
    retry,
    logs,
    migrate,
    render,
    plot,
    compare,
    export,
    serve,
    work,
    train,
):
    app.command()(command)
app.command("import")(import_annotations)  # no name of a function


def main() -> None:
    """The installed command `vaengine`."""
    invocation, arguments = None, sys.argv[1:]
    outlive_terminal()
    try:
        invocation = Invocation.now()  # before any fork
        code = run_supervised(arguments) if is_supervised_command(arguments) else None
    except UsageError as error:
        code = _error_code(str(error), USAGE_ERROR)
    sys.exit(outcome(arguments, invocation) if code is None else code)


@cache
def _commands() -> Any:
    """All commands, as Typer makes them of the functions: once in a process, for it takes a while."""
    return typer.main.get_command(app)


def outcome(arguments: list[str], invocation: Invocation | None = None) -> int:
    """Carry out a command line; returns its exit code. An error is one line on standard error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # file names may be any bytes
    verbose = not {"-v", "--verbose"}.isdisjoint(arguments)
    if not verbose:
        quiet_libraries()
    try:
        code = _commands().main(arguments, "vaengine", standalone_mode=False, obj=invocation)
    except CommandLineError as error:
        return _error_code(_with_help(error), USAGE_ERROR)
    except VaengineError as error:
        if verbose:
            traceback.print_exc()
        return _error_code(
            " ".join([str(error), *getattr(error, "__notes__", ())]),
            USAGE_ERROR if isinstance(error, UsageError) else 1,
        )
    except Exception as error:  # noqa: BLE001  an unforeseen error ends in one line as well
        if verbose:
            traceback.print_exc()
        return _error_code(
            f"internal: {type(error).__name__}: {error}; run it again with -v for the details, and please "
            "report them",
            1,
        )
    return code if isinstance(code, int) else 0


def quiet_libraries() -> None:
    """Hide the warnings that Ray and SQLAlchemy give about their own code; others stay."""
    warnings.filterwarnings("ignore", module=r"(ray|sqlalchemy)(\.|$)")


def _error_code(message: str, code: int) -> int:
    """Print an error; returns `code`."""
    say(f"error: {message}")
    return code


def _with_help(error: Exception) -> str:
    """The message of a usage error, with a hint at the command's help."""
    context = getattr(error, "ctx", None)
    message = error.format_message()  # type: ignore[attr-defined]
    return (
        f"{message}{_nearest_command(error)} `{context.command_path} --help` shows what there is."
        if context
        else message
    )


def _nearest_command(error: Exception) -> str:
    """` Did you mean 'run'?` after a command of other tools, else an empty text.

    Typer itself suggests commands of similar spelling.
    """
    unknown = re.fullmatch(r"No such command '(.+)'\.", error.format_message())  # type: ignore[attr-defined]
    command_here = NAMES_IN_OTHER_TOOLS.get(unknown[1]) if unknown else None
    return f" Did you mean {command_here!r}?" if command_here else ""
