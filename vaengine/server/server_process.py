"""A server in a process of its own, which ends with the one that started it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Final

from actors.child_process import ChildProcess, attach
from schemas.errors import NotStarted
from vaengine.server.settings import ServerSettings

MODULE: Final = "vaengine.server.server_process"
START_S: Final = 60.0  # for the process, and then for the server


@contextmanager
def server_process(settings: ServerSettings) -> Iterator[str]:
    """Serve while the context lasts; yields the address. Raises `NotStarted`, `OSError`."""
    child = ChildProcess(MODULE, settings)
    try:
        yield _address_of(child)
    finally:
        child.close()


def _address_of(child: ChildProcess) -> str:
    _wait(child.start().connection)
    connection = child.connection()
    _wait(connection)
    try:
        return str(connection.recv())
    except EOFError:
        output = (child.output() or "it said nothing").splitlines()[-1]
        raise NotStarted(MODULE, "it ended before it served", output) from None


def _wait(connection: Connection) -> None:
    if not connection.poll(START_S):
        raise NotStarted(MODULE, f"it was silent for {START_S:g} s", "this machine may be busy")


def main(descriptor: int) -> int:
    """Serve by the settings that are received, and send the address once."""
    from vaengine.server.uvicorn_server import serve

    connection = attach(descriptor)
    serve(connection.recv(), connection.send)
    return 0
