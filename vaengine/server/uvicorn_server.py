"""Serves an app with uvicorn, in this process."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

import uvicorn

from schemas.errors import UsageError
from vaengine.server.app import make_app
from vaengine.server.context import ServerContext
from vaengine.server.settings import ServerSettings

GRACEFUL_S: Final = 1  # for answers under way; streams end at once
MAX_CONNECTIONS: Final = 2048
KEEP_ALIVE_S: Final = 30
STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


def serve(settings: ServerSettings, announce: Callable[[str], None]) -> str | None:
    """Serve until a signal ends it, and return its name; `announce` gets the address with the real port.

    Raises `UsageError` where the address cannot be had.
    """
    listener = _listener(settings)
    app = make_app(settings)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACEFUL_S,
        timeout_keep_alive=KEEP_ALIVE_S,
        limit_concurrency=MAX_CONNECTIONS,
        ws="none",
    )
    server = _Server(config, app.state.context)
    announce(address_of(settings, listener.getsockname()[1]))
    server.run(sockets=[listener])
    return server.received


class _Server(uvicorn.Server):
    """Tells the streams of the app that it ends, before it waits for them."""

    def __init__(self, config: uvicorn.Config, context: ServerContext) -> None:
        super().__init__(config)
        self._context = context
        self.received: str | None = None

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals end the server, and are not raised once more after it, as uvicorn does."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {each: signal.signal(each, self.handle_exit) for each in STOP_SIGNALS}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A first signal ends the server gracefully, a second one at once."""
        self.received = self.received or signal.Signals(sig).name
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._context.stopping.set()
        await super().shutdown(sockets)


def address_of(settings: ServerSettings, port: int) -> str:
    """The address of the server, for a browser of this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)
    return f"http://{f'[{host}]' if ':' in host and '[' not in host else host}:{port}"


def free_port(settings: ServerSettings) -> int:
    """The port of the settings, a free one for 0; raises `UsageError` where it cannot be had."""
    with _listener(settings) as listener:
        port: int = listener.getsockname()[1]
        return port


def _listener(settings: ServerSettings) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        return socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        raise UsageError(
            f"{settings.host}:{settings.port} cannot be served: {error.strerror}; choose another --port or "
            "--host"
        ) from error
