"""A command line of `vaengine run` as another machine is to be given it: checked, complete, in one order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import typer

from schemas.errors import UsageError
from schemas.paths import absolute_path
from vaengine.api.cluster_batches import RunCommand
from vaengine.cli.runs.run import run
from vaengine.requests.store_location import DEFAULT_OUT

GIVEN: Final = ("COMMANDLINE", "ENVIRONMENT")  # where the value of a parameter may come from; else a default


def run_command(arguments: Sequence[str], name: str) -> RunCommand:
    """What `arguments` ask `vaengine run` for; raises what they raise for it.

    Paths are absolute, as on storage that this machine and the cluster share. `--cluster` is left out.
    """
    alone = typer.Typer()
    alone.command()(run)
    context = typer.main.get_command(alone).make_context(name, list(arguments))
    values = given_values(context)
    if "-" in values.get("paths", ()):
        raise UsageError(
            "a list on standard input stays here: put it into a file that the cluster reaches too"
        )
    if values.get("input_") or values.get("resume_") or values.get("cluster"):
        raise UsageError(f"{name}: give paths without an option, and one --cluster")
    if values.get("open_"):
        raise UsageError(f"{name}: --open shows a run of this machine; leave it out")
    db, password = _store(values.pop("db", None))
    out = values.get("out") or _out_of(values.get("config"))
    complete = {**values, "out": out, **({"db": db} if db else {})}
    made = tuple(arguments_of(context.command, complete, _there))
    return RunCommand(("run", *made), absolute(out), db or "", password)


def given_values(context: Any) -> dict[str, Any]:
    """The parameters that were given to a command, by name."""
    return {
        name: value
        for name, value in context.params.items()
        if (source := context.get_parameter_source(name)) is not None and source.name in GIVEN
    }


def arguments_of(
    command: Any, values: Mapping[str, Any], shown: Callable[[str, Any], str] = lambda name, value: str(value)
) -> Iterator[str]:
    """The command line of a command with these values: arguments, then options in the command's order."""
    options = [one for one in command.params if one.param_type_name == "option"]
    for one in command.params:
        if one not in options:
            yield from (shown(one.name, value) for value in _each(values.get(one.name)))
    for one in options:
        for value in _each(values.get(one.name)):
            if not one.is_flag:
                yield from (one.opts[0], shown(one.name, value))
            elif value:
                yield one.opts[0]
            elif one.secondary_opts:  # such as --no-files
                yield one.secondary_opts[0]


def absolute(text: Any) -> str:
    """A path as the cluster has it; an address such as s3://... stays."""
    return str(text) if "://" in str(text) else str(absolute_path(text))


def _there(name: str, value: Any) -> str:
    return absolute(value) if name in ("paths", "out", "config", "models") else str(value)


def _each(value: Any) -> Sequence[Any]:
    if value is None:
        return ()
    return value if isinstance(value, list | tuple) else (value,)


def _store(db: str | None) -> tuple[str | None, str | None]:
    """The address of a store without its password, and that: a job server shows commands to everybody."""
    if not db:
        return None, None
    from sqlalchemy import make_url

    from actors.stores.engines.address import StoreUrl

    address = StoreUrl.parse(db)
    return address.display_url, make_url(address.url).password if address.kind == "postgresql" else None


def _out_of(config: Any) -> str:
    """The results folder of a batch file, or the default one."""
    from vaengine.requests.run_options import batch_file, out_of

    return str(out_of(batch_file(config))) if config else DEFAULT_OUT
