"""PostgreSQL for the suite: one server for each process of pytest, thrown away with it, and an empty database
for whoever asks.

`VAENGINE_TEST_PG_URL` names a server that somebody provides; otherwise one is made of the programs that
`vaengine db start` would take. Where there are none the tests fail: a skip would hide a whole store.
"""

from __future__ import annotations

import atexit
import functools
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import psycopg

from actors.stores import open_store
from vaengine.postgres import server as postgres_server

OUTSIDE: Final = dict(os.environ)  # as the developer or CI set it; tests see none of its VAENGINE_*
PROVIDED: Final = "VAENGINE_TEST_PG_URL"
STOP_S: Final = 30.0
# Ends the server and removes its data when its input is closed, in whatever way pytest ended.
LEASH: Final = (
    'cat; kill -QUIT "$1" 2>/dev/null; while kill -0 "$1" 2>/dev/null; do sleep 0.02; done; rm -rf "$0"'
)


def fresh_database(template: str = "template1") -> str:
    """URL of an empty database that nobody else uses; it goes with the server, or at the end where that
    is somebody else's.
    """
    server, name = server_url(), f"vaengine_test_{secrets.token_hex(6)}"
    _execute(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    if PROVIDED in OUTSIDE:
        atexit.register(_execute, server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    return urlsplit(server)._replace(path=f"/{name}").geturl()


_NEW_ID: Final = "UPDATE meta SET value = %s WHERE name = 'store_id'"


@functools.cache
def _migrated() -> str:
    """Name of a database on the suite's server that has our tables and nothing in them."""
    url = fresh_database()
    open_store(url).close()
    return urlsplit(url).path[1:]


def migrated_database() -> str:
    """URL of a database with our tables, as a store that was opened once.

    It is one that came back (`take_back`), else a copy: to empty one takes a third of copying one, and
    that less than making the tables.
    """
    url = _free.pop() if _free else _copied()
    _lent.append(url)
    return url


def _copied() -> str:
    url = fresh_database(_migrated())
    _execute(url, _NEW_ID, secrets.token_hex(16))  # it is another store
    return url


_lent: list[str] = []
_free: list[str] = []


@contextmanager
def take_back() -> Iterator[None]:
    """Migrated databases that were lent inside are emptied at the end and lent again, where that can be."""
    before = len(_lent)
    try:
        yield
    finally:
        _free.extend(filter(_emptied, _lent[before:]))
        del _lent[before:]


# Every column of every table and index, functions and triggers: a test may have changed them.
_SHAPE: Final = """
SELECT md5(string_agg(concat_ws(' ', relname, attname, atttypid), ',' ORDER BY relname, attnum))
       || (SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal)
       || (SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace)
FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
WHERE relnamespace = 'public'::regnamespace"""
_CONNECTED: Final = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
_EMPTY: Final = """
DO $$
DECLARE name text;
BEGIN
  SET LOCAL session_replication_role = replica;  -- no order of foreign keys
  FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public'
      AND tablename NOT IN ('alembic_version', 'meta') LOOP
    EXECUTE format('DELETE FROM %I', name);
  END LOOP;
  FOR name IN SELECT sequencename FROM pg_sequences WHERE schemaname = 'public' LOOP
    EXECUTE format('ALTER SEQUENCE %I RESTART', name);
  END LOOP;
END $$"""


@functools.cache
def _new() -> tuple[str, list[tuple[str, str]]]:
    """Shape of a new store, and what its table `meta` holds."""
    with psycopg.connect(_copied()) as connection:
        return _shape(connection), connection.execute("SELECT name, value FROM meta").fetchall()


def _shape(connection: psycopg.Connection) -> str:
    return str(connection.execute(_SHAPE).fetchall()[0][0])


def _emptied(url: str) -> bool:
    """Whether a database is as a new store again, by another id."""
    shape, meta = _new()
    try:
        with psycopg.connect(url) as connection:
            if _shape(connection) != shape or connection.execute(_CONNECTED).fetchall() != [(0,)]:
                return False
            connection.execute(_EMPTY)
            connection.execute("DELETE FROM meta")
            connection.cursor().executemany("INSERT INTO meta (name, value) VALUES (%s, %s)", meta)
            connection.execute(_NEW_ID, [secrets.token_hex(16)])
            return True
    except psycopg.OperationalError:  # the test has dropped or locked it
        return False


def copy_of(url: str) -> str:
    """URL of a database that holds what another one does, to which nobody is connected."""
    return fresh_database(urlsplit(url).path[1:])


@contextmanager
def writer_of(url: str) -> Iterator[tuple[str, str]]:
    """A role that may write what is in a database and owns nothing of it, and the URL by which that role
    sees it.
    """
    role, parts = f"writer_{urlsplit(url).path[1:]}", urlsplit(url)
    _execute(url, f"CREATE ROLE {role} LOGIN PASSWORD 'secret'")
    _execute(url, f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}")
    _execute(url, f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}")
    try:
        yield role, parts._replace(netloc=f"{role}:secret@{parts.netloc.rpartition('@')[2]}").geturl()
    finally:
        _execute(url, f"DROP OWNED BY {role}")
        _execute(url, f"DROP ROLE {role}")


@functools.cache
def server_url() -> str:
    """URL of a database on the suite's server, which is started by whoever asks first; its user may make
    databases.
    """
    return OUTSIDE.get(PROVIDED) or _thrown_away()


def temporary_folder() -> Path:
    """A new folder that the user who runs PostgreSQL for root can reach, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="vaengine-postgres-"))
    folder.chmod(0o711)
    return folder


def _thrown_away() -> str:
    folder = temporary_folder()
    try:
        server = postgres_server.start(folder / "server", OUTSIDE, durable=False)
    except BaseException:
        shutil.rmtree(folder)
        raise
    command = ["/bin/sh", "-c", LEASH, str(folder), str(server.pid)]
    leash = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
    )
    atexit.register(leash.communicate, timeout=STOP_S)
    return server.url


def _execute(url: str, statement: str, *values: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement, values or None)
