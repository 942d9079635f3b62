"""Commands about settings and batch files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vaengine.cli_options import Config, Json, Preset, Set, Verbose
from vaengine.output import print_events, print_table

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
    from vaengine.configuration import row_events, row_table
    from vaengine.options import RunOptions, batch_file, pipelines_named, resolved

    file = batch_file(config)
    options = RunOptions(settings=tuple(settings or ()), preset=preset)
    rows = resolved(options, file, pipelines_named(",".join(file.texts("pipelines"))))[0].rows()
    if as_json:
        print_events(row_events(rows, origin=origin))
    else:
        print_table(row_table(rows, origin=origin))


@config_app.command("init")
def config_init(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Batch file to write.")] = Path("batch.yaml"),
    preset: Preset = None,
    verbose: Verbose = False,
) -> None:
    """Write a first batch file with every setting explained."""
    from vaengine.starter import starter, write_starter

    write_starter(file, starter(file.name, preset or "auto"))
    typer.echo(f"{file}: edit `inputs`, then `vaengine run --config {file}`")


@config_app.command("check")
def config_check(file: Annotated[Path, typer.Argument(metavar="FILE", help="Batch file in YAML.")], verbose: Verbose = False) -> None:
    """Check a batch file without running it."""
    from vaengine import options
    from vaengine.inputs import find_files
    from vaengine.quantities import counted

    found = options.batch_file(file)
    options.resolved(options.RunOptions(), found, options.pipelines_named(",".join(found.texts("pipelines"))))
    if inputs := options.file_inputs(found):
        find_files(inputs)
    typer.echo(f"{file}: {counted(len(found.run) + len(found.settings), 'key')}, all known, all valid")
