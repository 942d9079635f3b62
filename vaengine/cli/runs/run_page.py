"""The page of a run in the browser, while the run lasts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from schemas.errors import VaengineError
from vaengine.console.output import say

if TYPE_CHECKING:
    from vaengine.requests.request import RunRequest


@contextmanager
def shown_in_browser(request: RunRequest) -> Iterator[None]:
    """Serve the store of a run on this machine, on a free port, and open it in the browser, if there is one.

    A server or browser that cannot be had is told in one line: the run goes on.
    """
    with ExitStack() as server:
        try:
            address, link = _served(request, server)
        except (VaengineError, OSError) as error:
            say(f"nothing is shown in the browser: {error}")
        else:
            _show(address, link)
        yield


def _served(request: RunRequest, server: ExitStack) -> tuple[str, str]:
    """The address of a server that ends with `server`, and the link with its token."""
    from vaengine.requests.server_token import own_token
    from vaengine.server.server_process import server_process
    from vaengine.server.settings import ServerSettings
    from vaengine.server.stores import prepare_store

    settings = ServerSettings(request.store_url, str(request.out), own_token(), port=0)
    prepare_store(request.store_url, read_only=False)  # so that the page finds it
    address = server.enter_context(server_process(settings))
    return address, f"{address}/?token={settings.token}"


def _show(address: str, link: str) -> None:
    from vaengine.console.browser import open_address

    if open_address(link):
        say(f"shown in the browser while it runs: {address}")
    else:
        say(f"there is no browser here: open {link} in one")
