"""The same app on Ray Serve: `vaengine.server.ray_serve:app` for a Serve config file, or `serve_on_ray`.

Each open event stream takes one of the requests that Serve allows at a time, so that number is in the
hundreds. Ray's own token does not guard Serve's HTTP: the token of the app does. The app is made in the
replica, so nothing of it is pickled.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from ray import serve
from ray.serve.schema import LoggingConfig

from schemas.errors import UsageError
from vaengine.requests.server_token import TOKEN_VARIABLE
from vaengine.server.app import make_app
from vaengine.server.settings import ServerSettings

NAME: Final = "vaengine"
MAX_ONGOING: Final = 500  # requests of a replica at a time, streams among them
DATABASE: Final = "VAENGINE_DB"
OUT: Final = "VAENGINE_OUT"
HOSTS: Final = "VAENGINE_ALLOWED_HOSTS"  # names of the server, with commas between
NETWORK_HOST: Final = "0.0.0.0"  # so that reads need the token: the proxy may listen anywhere


def settings_from(environment: Mapping[str, str]) -> ServerSettings:
    """The settings of a replica that a config file starts; raises `UsageError` for what is missing."""
    missing = [name for name in (DATABASE, TOKEN_VARIABLE) if not environment.get(name)]
    if missing:
        raise UsageError(f"{missing[0]} is missing: set it in the environment of the Serve application")
    hosts = tuple(name.strip() for name in environment.get(HOSTS, "").split(",") if name.strip())
    out = environment.get(OUT) or str(Path("vaengine_out").absolute())
    return ServerSettings(
        environment[DATABASE], out, environment[TOKEN_VARIABLE], NETWORK_HOST, allowed_hosts=hosts
    )


def deployment_of(settings: Callable[[], ServerSettings]) -> Any:
    """The deployment of an app, whose settings are read in the replica."""

    @serve.deployment(
        name=NAME,
        max_ongoing_requests=MAX_ONGOING,
        ray_actor_options={"num_cpus": 0},
        graceful_shutdown_timeout_s=2,
        graceful_shutdown_wait_loop_s=0.2,
    )
    @serve.ingress(lambda: make_app(settings()))
    class Web:
        """The app in a replica."""

    return Web


def serve_on_ray(settings: ServerSettings, stopping: threading.Event, announce: Callable[[], None]) -> None:
    """Serve on the connected cluster until `stopping`; `announce` is called once it answers."""
    logging.getLogger("ray.serve").setLevel(logging.WARNING)  # in this process; elsewhere by what follows
    serve.start(
        proxy_location="HeadOnly",
        http_options={"host": settings.host, "port": settings.port},
        logging_config=LoggingConfig(log_level="WARNING", enable_access_log=False),
    )
    try:
        serve.run(deployment_of(lambda: settings).bind(), name=NAME, route_prefix="/")
        announce()
        stopping.wait()
    finally:
        serve.delete(NAME)


app = deployment_of(lambda: settings_from(os.environ)).bind()
