"""`vaengine models`: which weights there are, fetching them, checking them."""

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
    from vaengine.models import inventory
    from vaengine.models.download import DownloadSource
    from vaengine.models.huggingface import Hub

    folders = folders_of(models, os.environ)
    found = inventory.model_statuses(folders, Hub.of(folders, os.environ))
    if as_json:
        emit_standings(found)
    else:
        print_table(inventory.table(found), inventory.footnote(folders, DownloadSource.of(os.environ)))


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

    of = pipelines_named(pipelines or "")
    wanted = catalogue.everything(of) if every else catalogue.meant(names or ("fast",), of)
    folders, pulled = folders_of(models, os.environ), []
    for each in inventory.pull(
        wanted, folders, DownloadSource.of(os.environ), Hub.of(folders, os.environ), inventory.shown
    ):
        pulled.append(each)
        if as_json:
            emit("model", inventory.pulled_data(each))
        elif each.path:
            print_lines([str(each)])
        else:
            say(f"error: {each.error}")
    if as_json:
        emit("report", inventory.pull_counts(pulled))
    raise typer.Exit(int(any(each.error for each in pulled)))


@models_app.command("check")
def models_check(models: Folder = None, as_json: Json = False, verbose: Verbose = False) -> None:
    """Compare the checksum of every file that is here."""
    from actors.model_files.files import folders_of
    from vaengine.models import inventory

    folders = folders_of(models, os.environ)
    found = inventory.copies(folders)
    if as_json:
        emit_standings(found)
    elif found:
        print_table(inventory.table(found))
    else:
        print_lines([f"no file of the catalogue is in {', '.join(map(str, folders))}"])
    wrong = [each for each in found if not each.usable]
    for each in wrong:
        say(f"error: {each.detail}")
    raise typer.Exit(int(bool(wrong)))


def emit_standings(found: Sequence[ModelStatus]) -> None:
    """An event for each model, then one with their number by state."""
    from vaengine.models import inventory

    emit_each("model", map(inventory.standing_data, found))
    emit("report", inventory.states(found))
