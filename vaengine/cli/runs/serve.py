"""`vaengine serve`: the pages and the API of a store, for browsers and programs."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from vaengine.cli.options import Db, Models, Out, Verbose
from vaengine.cli.runs.run import Cluster
from vaengine.cli.runs.work import engine_settings
from vaengine.console.output import print_lines, say

if TYPE_CHECKING:
    from vaengine.server.settings import ServerSettings

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

Work = Annotated[
    bool, typer.Option("--work", help="Also run the batches that are submitted, as `vaengine work` does.")
]
OnRay = Annotated[
    bool, typer.Option("--ray", help="Serve by Ray Serve, on a Ray of its own or on --cluster.")
]
MaxUpload = Annotated[
    int, typer.Option("--max-upload", min=0, metavar="MIB", help="Largest video that may be sent, in MiB.")
]


def serve(
    out: Out = None,
    db: Db = None,
    host: Host = "127.0.0.1",
    port: Port = 8321,
    allow_host: AllowHost = None,
    allow_origin: AllowOrigin = None,
    require_token: RequireToken = False,
    read_only: ReadOnly = False,
    max_upload: MaxUpload = 4096,
    work: Work = False,
    ray: OnRay = False,
    cluster: Cluster = None,
    models: Models = None,
    verbose: Verbose = False,
) -> None:
    """Show a store in the browser, and answer programs."""
    from schemas.errors import UsageError
    from vaengine.api.submission.submission_engine import working
    from vaengine.process.signals import EXIT_CODES
    from vaengine.requests.server_token import own_token
    from vaengine.requests.store_location import results_folder, stored_at
    from vaengine.server.settings import ServerSettings
    from vaengine.server.stores import prepare_store
    from vaengine.server.uvicorn_server import serve as serve_app

    if work and ray:
        raise UsageError(
            "--work runs batches in this process, and --ray serves elsewhere: use `vaengine work`"
        )
    if work and read_only:
        raise UsageError("--work changes the store and --read-only does not: give one of them")
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
        max_upload * 2**20,
    )
    prepare_store(settings.store_url, read_only=read_only)

    def announce(address: str) -> None:
        print_lines([f"{address}/?token={settings.token}"])
        say("open this link; Ctrl-C ends the server")

    with working(engine_settings(out, db, cluster, models), say) if work else nullcontext():
        received = _serve_on_ray(settings, cluster) if ray else serve_app(settings, announce)
    raise typer.Exit(EXIT_CODES[received] if received else 0)


def _serve_on_ray(settings: ServerSettings, cluster: str | None) -> str:
    """Serve on a Ray cluster until a signal ends it; returns its name."""
    from cluster.session import session
    from vaengine.process.packages import own_packages
    from vaengine.process.signals import Signals
    from vaengine.server.uvicorn_server import address_of, free_port

    if cluster is None:
        settings = replace(settings, port=free_port(settings))  # said before Ray is started
    received, stopping = [], threading.Event()

    def stop(name: str) -> None:
        received.append(name)
        stopping.set()

    with Signals() as signals, session(cluster or "local", packages=own_packages()):
        from vaengine.server.ray_serve import serve_on_ray

        signals.rearm()
        signals.deliver_to(stop)

        def announce() -> None:
            print_lines([f"{address_of(settings, settings.port)}/?token={settings.token}"])
            say("open this link; Ctrl-C ends the server")

        serve_on_ray(settings, stopping, announce)
    return received[0]
