"""The options that several commands share, as annotated types."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Out = Annotated[
    str | None, typer.Option("--out", metavar="DIR", help="Folder of the results.  [default: ./vaengine_out]")
]
Db = Annotated[
    str | None,
    typer.Option(
        "--db",
        metavar="URL",
        help="Store: sqlite:///FILE, files:DIR or postgresql://...  [default: in --out]",
    ),
]
Source = Annotated[
    str,
    typer.Option(
        "--source",
        metavar="WHO",
        help="Whose rows: machine, human, or corrected: people's where they annotated a video.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object per line on standard output.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show tracebacks of errors.")]
Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Batch file in YAML; the command line outranks it."),
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="A setting; `vaengine config show` lists them."),
]
Preset = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="auto, embedded, fast, balanced, high-quality, or the name of a trained model.  [default: auto]",
    ),
]
Replace = Annotated[
    bool, typer.Option("--replace", help="Replace results of other settings; they are gone then.")
]
Keep = Annotated[
    bool,
    typer.Option(
        "--keep", "--keep-runs", help="Keep results of other settings beside the new ones, as an older run."
    ),
]
Models = Annotated[
    Path | None,
    typer.Option(envvar="VAENGINE_MODELS", metavar="DIR", help="Folder of weights, before the user's own."),
]
