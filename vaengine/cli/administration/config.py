"""`vaengine config show | init | check`: commands about settings and batch files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vaengine.cli.options import Config, Json, Preset, Set, Verbose
from vaengine.console.output import Table, emit_each, print_table

if TYPE_CHECKING:
    from schemas.settings.layers import SettingRow

config_app = typer.Typer(help="Begin a batch file, check one, or show settings.")


@config_app.command("show")
def config_show(
    origin: Annotated[bool, typer.Option("--origin", help="Also where each value comes from.")] = False,
    config: Config = None,
    settings: Set = None,
    preset: Preset = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Every setting: key, value, what it means."""
    from vaengine.requests.run_options import RunOptions, batch_file, pipelines_named, resolved

    file = batch_file(config)
    options = RunOptions(settings=tuple(settings or ()), preset=preset)
    rows = resolved(options, file, pipelines_named(",".join(file.texts("pipelines"))))[0].rows()
    if as_json:
        emit_each("setting", (row_data(row, origin=origin) for row in rows))
    else:
        print_table(row_table(rows, origin=origin))


def row_table(rows: Iterable[SettingRow], *, origin: bool) -> Table:
    """Settings as a table for a person; with `origin` also where each value comes from."""
    titles = ("key", "value", *(["origin"] if origin else []), "meaning")
    cells = ((row.key, str(row.value), *([row.origin] if origin else []), row.description) for row in rows)
    return Table(titles, tuple(cells))


def row_data(row: SettingRow, *, origin: bool) -> dict[str, Any]:
    """A setting as JSON values; with `origin` also where its value comes from."""
    return {key: value for key, value in asdict(row).items() if origin or key != "origin"}


@config_app.command("init")
def config_init(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Batch file to write.")] = Path("batch.yaml"),
    preset: Preset = None,
    verbose: Verbose = False,
) -> None:
    """Write a first batch file with every setting explained."""
    from vaengine.requests.template import starter, write_starter

    write_starter(file, starter(file.name, preset or "auto"))
    typer.echo(f"{file}: edit `inputs`, then `vaengine run --config {file}`")


@config_app.command("check")
def config_check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Batch file in YAML.")],
    verbose: Verbose = False,
) -> None:
    """Check a batch file without running it."""
    from vaengine.console.units import counted
    from vaengine.requests import run_options as options
    from vaengine.requests.inputs.found_files import find_files

    content = options.batch_file(file)
    pipelines = options.pipelines_named(",".join(content.texts("pipelines")))
    options.resolved(options.RunOptions(), content, pipelines)
    if inputs := options.file_inputs(content):
        find_files(inputs)
    typer.echo(f"{file}: {counted(len(content.run) + len(content.settings), 'key')}, all known, all valid")
