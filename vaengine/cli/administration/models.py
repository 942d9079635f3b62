"""`vaengine models list | pull | check`: commands that list, fetch and check weights."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vaengine.cli.options import Json, Verbose
from vaengine.console.output import emit, emit_each, print_lines, print_table, say

if TYPE_CHECKING:
    from vaengine.models.weights import ModelStatus

models_app = typer.Typer(
    help="List, fetch and check the weights of the presets.",
    epilog=(
        "Environment: VAENGINE_MODELS_URL is the address of a mirror (files are URL/NAME), HF_ENDPOINT one "
        "of the hub that models of sound"
        " come from, HF_TOKEN a token for those behind terms; VAENGINE_OFFLINE=1 never asks the network,"
        " VAENGINE_WHEELS=0 does without the models of installed packages (extra offline)."
    ),
    rich_markup_mode=None,
)

Folder = Annotated[
    Path | None,
    typer.Option(
        "--models",
        envvar="VAENGINE_MODELS",
        metavar="DIR",
        help="Folder of weights, looked into before the user's cache; new ones go there.",
    ),
]


@models_app.command("list")
def models_list(models: Folder = None, as_json: Json = False, verbose: Verbose = False) -> None:
    """What each preset needs, under which licence, and whether it is here."""
    from actors.model_files.files import folders_of
    from vaengine.models import inventory, trained_inventory
    from vaengine.models.download import DownloadSource
    from vaengine.models.huggingface import Hub

    folders = folders_of(models, os.environ)
    statuses = inventory.model_statuses(folders, Hub.of(folders, os.environ))
    trained = trained_inventory.trained_statuses(folders)
    if as_json:
        emit_each("trained_model", map(trained_inventory.trained_data, trained))
        emit_statuses(statuses)
    else:
        print_table(inventory.table(statuses), inventory.footnote(folders, DownloadSource.of(os.environ)))
        print_table(trained_inventory.trained_table(trained))


@models_app.command("pull")
def models_pull(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", help="Presets or models of `vaengine models list`.  [default: fast]"),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every model that a preset may need.")] = False,
    pipelines: Annotated[
        str | None,
        typer.Option(
            metavar="LIST", help="Of a preset, or of all, only what these need: scene, person, face, audio."
        ),
    ] = None,
    models: Folder = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Fetch weights; each is held to its published digest."""
    from actors.model_files.files import folders_of
    from vaengine.models import catalogue, inventory
    from vaengine.models.download import DownloadSource
    from vaengine.models.huggingface import Hub
    from vaengine.requests.run_options import pipelines_named

    for_pipelines = pipelines_named(pipelines or "")
    wanted = (
        catalogue.everything(for_pipelines) if every else catalogue.meant(names or ("fast",), for_pipelines)
    )
    folders, pulled = folders_of(models, os.environ), []
    for result in inventory.pull(
        wanted, folders, DownloadSource.of(os.environ), Hub.of(folders, os.environ), inventory.shown
    ):
        pulled.append(result)
        if as_json:
            emit("model", inventory.pulled_data(result))
        elif result.path:
            print_lines([str(result)])
        else:
            say(f"error: {result.error}")
    if as_json:
        emit("report", inventory.pull_counts(pulled))
    raise typer.Exit(int(any(result.error for result in pulled)))


@models_app.command("check")
def models_check(models: Folder = None, as_json: Json = False, verbose: Verbose = False) -> None:
    """Compare the checksum of every file that is here."""
    from actors.model_files.files import folders_of
    from vaengine.models import inventory, trained_inventory

    folders = folders_of(models, os.environ)
    statuses, trained = inventory.copies(folders), trained_inventory.trained_statuses(folders)
    if as_json:
        emit_each("trained_model", map(trained_inventory.trained_data, trained))
        emit_statuses(statuses)
    elif statuses or trained:
        print_table(inventory.table(statuses))
        print_table(trained_inventory.trained_table(trained))
    else:
        print_lines([f"no file of the catalogue is in {', '.join(map(str, folders))}"])
    unusable = [status.detail for status in statuses if not status.usable]
    unusable += [status.fault for status in trained if status.fault]
    for detail in unusable:
        say(f"error: {detail}")
    raise typer.Exit(int(bool(unusable)))


def emit_statuses(statuses: Sequence[ModelStatus]) -> None:
    """Emit an event for each model, then one with the number of models in each state."""
    from vaengine.models import inventory

    emit_each("model", map(inventory.standing_data, statuses))
    emit("report", inventory.states(statuses))
