"""Options that several commands take, each said once."""

from __future__ import annotations

from typing import Annotated

import typer

Out = Annotated[str | None, typer.Option("--out", metavar="DIR", help="Folder of the results.  [default: ./vaengine_out]")]
Db = Annotated[
    str | None, typer.Option("--db", metavar="URL", help="Store: sqlite:///FILE, files:DIR or postgresql://...  [default: in --out]")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object per line on standard output.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show tracebacks of errors.")]
