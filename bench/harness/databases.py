"""A PostgreSQL server for a measurement."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from vaengine.postgres import server as postgres_server


@contextlib.contextmanager
def server() -> Iterator[Callable[[], str]]:
    """A context with a PostgreSQL server of usual durability.

    It yields a function that makes an empty database and returns its URL.
    """
    import psycopg

    with tempfile.TemporaryDirectory(prefix="vaengine-bench-") as name:
        Path(name).chmod(0o711)
        running = postgres_server.start(Path(name) / "server")
        names: list[str] = []

        def database() -> str:
            names.append(f"bench{len(names)}")
            with psycopg.connect(running.url, autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {names[-1]}")
            return f"{running.url.rpartition('/')[0]}/{names[-1]}"

        try:
            yield database
        finally:
            postgres_server.stop(running.folder)
