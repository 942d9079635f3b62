"""`vaengine serve`: the pages and the API of a store, for browsers and programs."""

from __future__ import annotations

from typing import Annotated

import typer

from vaengine.cli.options import Db, Out, Verbose
from vaengine.console.output import print_lines, say

Host = Annotated[str, typer.Option(metavar="ADDRESS", help="Address to listen on.")]
Port = Annotated[int, typer.Option(min=0, max=65535, metavar="N", help="Port; 0: any free one.")]
AllowHost = Annotated[
    list[str] | None,
    typer.Option("--allow-host", metavar="NAME", help="A further name of the server; may be repeated."),
]
AllowOrigin = Annotated[
    list[str] | None,
    typer.Option("--allow-origin", metavar="ORIGIN", help="Where other pages may ask from; may be repeated."),
]
RequireToken = Annotated[
    bool, typer.Option("--require-token", help="Ask for the token for reading on this machine too.")
]
ReadOnly = Annotated[bool, typer.Option("--read-only", help="Refuse every change.")]


def serve(
    out: Out = None,
    db: Db = None,
    host: Host = "127.0.0.1",
    port: Port = 8321,
    allow_host: AllowHost = None,
    allow_origin: AllowOrigin = None,
    require_token: RequireToken = False,
    read_only: ReadOnly = False,
    verbose: Verbose = False,
) -> None:
    """Show a store in the browser, and answer programs."""
    from vaengine.requests.store_location import results_folder, stored_at
    from vaengine.server.settings import ServerSettings
    from vaengine.server.token_file import own_token
    from vaengine.server.uvicorn_server import serve as serve_app

    settings = ServerSettings(
        stored_at(db, out),
        str(results_folder(out, db)),
        own_token(),
        host,
        port,
        tuple(allow_host or ()),
        tuple(allow_origin or ()),
        require_token,
        read_only,
    )

    def announce(address: str) -> None:
        print_lines([f"{address}/?token={settings.token}"])
        say("open this link; Ctrl-C ends the server")

    serve_app(settings, announce)
