"""One PostgreSQL database: connections, locks, transactions, and its errors as ours."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any, Final

import psycopg
from psycopg.types.string import BytesBinaryDumper, TextLoader
from sqlalchemy import Connection, Engine, create_engine, event, exc, make_url
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from actors.stores.engines.address import without_password
from actors.stores.engines.database import Database, Wiped
from actors.stores.engines.own_server import own_password
from actors.stores.engines.statement_cache import EqualDialect, with_shared_statements
from actors.stores.sql import pgvector
from actors.stores.sql.statements.postgres_json import json_text
from schemas.errors import DiskFull, NotFound, StoreFailed, StoreUnreachable, Unstorable, VaengineError
from schemas.storage.tables import metadata

CONNECT_SECONDS: Final = 10
STATEMENT_SECONDS: Final = 600  # a statement that takes longer waits for something that will not happen
LOCK_SECONDS: Final = 120
POOL_SIZE: Final = 4
MAX_VIDEO_LOCKS: Final = 64  # in one transaction: the server has memory for so many of each connection

_STORE_LOCK: Final = 0x7661_0001  # classes of advisory locks, "va"
_VIDEO_LOCK: Final = 0x7661_0002

_SQLSTATE_CURES: Final = {  # SQLSTATE or its class -> what to do
    "42501": "the role may not do that; a run needs one that may create tables and write, `GRANT ... TO` it",
    "25006": "the database may only be read; check the role, or whether the server is a replica",
}
_NO_PASSWORD: Final = "no password supplied"
_CONNECTION_CURES: Final = {  # part of a message that comes without SQLSTATE -> what to do
    "does not exist": "make the database with `createdb`, the role with `createuser`, or check the URL",
    "authentication failed": "check the password in the URL, in PGPASSWORD or in ~/.pgpass",
    _NO_PASSWORD: "give the password in the URL, in PGPASSWORD or in ~/.pgpass",
}
_MAY_WRITE: Final = """
SELECT NOT pg_is_in_recovery() AND coalesce(
    (
        SELECT bool_and(
            has_table_privilege(oid, 'INSERT') AND has_table_privilege(oid, 'UPDATE')
            AND has_table_privilege(oid, 'DELETE')
            AND (NOT %(alter)s OR pg_has_role(relowner, 'USAGE'))
        )
        FROM pg_class
        WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace AND relname = ANY(%(names)s)
    ),
    has_schema_privilege(current_schema(), 'CREATE')
)
"""
_UNWIPED_NOTE: Final = (
    "PostgreSQL keeps removed rows in its files until VACUUM, and in its write-ahead log, "
    "replicas and backups: ask its administrator"
)


class EqualPostgreSQL(EqualDialect, PGDialect_psycopg):
    """PostgreSQL by psycopg."""

    supports_statement_cache = True  # which SQLAlchemy looks for in the class itself


registry.register("postgresql.vaengine", __name__, EqualPostgreSQL.__name__)


class PostgresDatabase(Database):
    """Transactions on one PostgreSQL database, which many engines on many machines may write at once.

    A transaction takes an advisory lock for each video that it writes, and keeps it until it ends. Writers of
    different videos do not wait for each other. A transaction that concerns all videos (the begin of a run, a
    page of thousands of videos) locks the whole store. So what a transaction has read stays true until it
    ends, as with SQLite's BEGIN IMMEDIATE, and no transaction has to be retried.
    """

    _driver_error = psycopg.Error  # COPY bypasses SQLAlchemy

    def __init__(self, connection_string: str, *, read_only: bool = False, as_found: bool = False) -> None:
        self.url, self.read_only = without_password(connection_string), read_only
        self._is_open = False
        # Maintenance, which opens the database as it is found, has no time limit.
        self._engine = self._create_engine(connection_string, 0 if as_found else STATEMENT_SECONDS)
        with ExitStack() as opening:
            opening.callback(self.close)
            if self._is_empty() and read_only and not as_found:
                raise NotFound("store", self.url)
            if not as_found:
                self._migrate()
            opening.pop_all()
        self._is_open = True

    def _create_engine(self, connection_string: str, timeout_s: int) -> Engine:
        options = {
            "statement_timeout": timeout_s * 1000,
            "lock_timeout": LOCK_SECONDS * 1000,
            "timezone": "UTC",
            "datestyle": "ISO",
            "default_transaction_read_only": "on" if self.read_only else "off",
        }
        try:
            url = make_url(connection_string).set(drivername="postgresql+vaengine")
        except (exc.ArgumentError, ValueError) as error:  # its message may contain the password
            raise StoreUnreachable(
                self.url, "it is no address of the form postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
            ) from error
        own_options = " ".join(f"-c {name}={value}" for name, value in options.items())
        all_options = f"{url.query.get('options', '')} {own_options}".strip()
        engine = create_engine(
            url,
            # Whatever the server's default: a snapshot from before the lock was taken would be stale.
            isolation_level="READ COMMITTED",
            pool_size=POOL_SIZE,
            json_serializer=json_text,
            pool_pre_ping=True,  # after a restart of the server there is a new connection, not an error
            connect_args={
                "connect_timeout": CONNECT_SECONDS,
                "application_name": "vaengine",
                "options": all_options,
            },
        )
        event.listen(engine, "do_connect", _connect_with_own_password)
        event.listen(engine, "connect", _load_json_as_text)
        event.listen(engine, "connect", _dump_bytes_directly)
        return with_shared_statements(engine)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with (
            self._errors(),
            self._engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection,
            connection.begin(),
        ):
            yield connection

    def now(self, connection: Connection) -> datetime:
        """The server's time at this moment, not at the begin of the transaction, which may have waited."""
        at: datetime = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
        return at.astimezone(UTC).replace(microsecond=0)

    def _is_empty(self) -> bool:
        with self.read() as connection:
            return not self._table_names(connection)

    def commit_without_waiting(self, connection: Connection) -> None:
        connection.exec_driver_sql("SET LOCAL synchronous_commit = off")

    @contextmanager
    def without_reference_checks(self, connection: Connection) -> Iterator[bool]:
        """Only a superuser may switch the checks off; a check takes half as long as storing the row."""
        is_superuser = _is_superuser(connection)
        if is_superuser:
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        yield is_superuser
        if is_superuser:
            connection.exec_driver_sql("SET LOCAL session_replication_role = origin")

    def analyze(self, connection: Connection) -> None:
        """Update the planner's statistics; an autovacuum on one of the tables is ended.

        PostgreSQL ends it after `deadlock_timeout`, by default a second, which only a superuser may change.
        """
        if _is_superuser(connection):
            connection.exec_driver_sql("SET LOCAL deadlock_timeout = '10ms'")
        super().analyze(connection)

    def fill_vectors(self) -> None:
        with self.read() as connection:
            if not pgvector.is_due(connection):
                return  # without waiting for a lock
        with self.write(None) as connection:
            pgvector.complete(connection)

    def overwrite(self, connection: Connection) -> None:
        """Does nothing: PostgreSQL cannot do so."""

    def wipe(self) -> Wiped:
        return Wiped(True, _UNWIPED_NOTE)

    @contextmanager
    def _limited(self, connection: Connection, timeout_s: float) -> Iterator[None]:
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {max(1, round(1000 * timeout_s))}")
        yield

    def _is_timeout(self, error: BaseException | None) -> bool:
        return isinstance(error, psycopg.errors.QueryCanceled)

    def _writing(self) -> AbstractContextManager[Connection]:
        return self._engine.connect()

    def _lock_videos(self, connection: Connection, videos: Iterable[str] | None) -> None:
        # In the same order in every transaction, so that there is no deadlock.
        lock_ids = (
            None if videos is None else sorted({_signed(zlib.crc32(video.encode())) for video in videos})
        )
        if lock_ids is None or len(lock_ids) > MAX_VIDEO_LOCKS:
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s, 0)", (_STORE_LOCK,))
            return
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock_shared(%s, 0)", (_STORE_LOCK,))
        for video in lock_ids:
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s, %s)", (_VIDEO_LOCK, video))

    def size(self) -> int:
        query = (
            "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r' AND relnamespace "
            "= current_schema()::regnamespace"
        )
        with self.read() as connection:
            return int(connection.exec_driver_sql(query).scalar() or 0)

    def _back_up_before_upgrade(self, revision: str) -> None:
        """Does nothing: a server has backups of its own, and an upgrade is one transaction."""

    def server_version(self) -> str:
        """The version of the server, such as 18.4."""
        with self.read() as connection:
            return str(connection.exec_driver_sql("SHOW server_version").scalar()).split()[0]

    def may_write(self, *, alter: bool) -> bool:
        """Whether the role may write all tables, or create them where there are none.

        With `alter`, whether it may alter them as well.
        """
        with self.read() as connection:
            return bool(
                connection.exec_driver_sql(
                    _MAY_WRITE, {"names": list(metadata.tables), "alter": alter}
                ).scalar()
            )

    def vacuum(self) -> tuple[str, ...]:
        refused: list[str] = []
        with (
            self._errors(),
            self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection,
        ):
            driver: Any = connection.connection.driver_connection
            driver.add_notice_handler(
                lambda notice: (
                    refused.append(notice.message_primary or "") if notice.severity == "WARNING" else None
                )
            )
            names = ", ".join(sorted({*metadata.tables, pgvector.TABLE} & self._table_names(connection)))
            connection.exec_driver_sql(f"VACUUM (ANALYZE) {names}")
            connection.invalidate()  # its notice handler must not go back to the pool
        return tuple(refused)

    def _table_names(self, connection: Connection) -> set[str]:
        return set(
            connection.exec_driver_sql(
                "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
            ).scalars()
        )

    def _store_error(self, error: BaseException | None) -> VaengineError:
        sqlstate = getattr(error, "sqlstate", None) or ""
        message = (str(error).strip() or repr(error)).splitlines()[0]
        if sqlstate == "53100":
            return DiskFull(self.url, message)
        if cure := _SQLSTATE_CURES.get(sqlstate) or _SQLSTATE_CURES.get(sqlstate[:2]):
            return StoreUnreachable(self.url, f"{message}; {cure}")
        if sqlstate.startswith("22") or (isinstance(error, psycopg.DataError) and not sqlstate):
            return Unstorable(self.url, message)
        if not self._is_open and isinstance(error, psycopg.OperationalError):
            cures = (cure for text, cure in _CONNECTION_CURES.items() if text in str(error))
            return StoreUnreachable(
                self.url, f"{message}; {next(cures, 'is the server running, and is the address right?')}"
            )
        return StoreFailed(self.url, message)


def _connect_with_own_password(dialect: Any, record: object, arguments: Any, options: dict[str, Any]) -> Any:
    """Connects; a missing password of a server of `vaengine db start` is read from beside its data."""
    try:
        return dialect.connect(*arguments, **options)
    except psycopg.OperationalError as error:
        password = (
            own_password(options.get("host"), options.get("port"), options.get("user"))
            if _NO_PASSWORD in str(error)
            else None
        )
        if password is None:
            raise
    options["password"] = password  # for every further connection too
    return dialect.connect(*arguments, **options)


def _load_json_as_text(connection: psycopg.Connection[Any], record: object) -> None:
    """Have JSON columns return text, as in SQLite: only a caller who needs the value parses it."""
    connection.adapters.register_loader("jsonb", TextLoader)


def _dump_bytes_directly(connection: psycopg.Connection[Any], record: object) -> None:
    """Have bytes use the faster of psycopg's two dumpers for `bytea`.

    psycopg takes the one that was registered last, which is that of the DB-API's `Binary`.
    """
    connection.adapters.register_dumper(bytes, BytesBinaryDumper)


def _is_superuser(connection: Connection) -> bool:
    """Whether the server has reported a superuser; a pooler may not pass that on, and the answer is no."""
    driver: Any = connection.connection.driver_connection
    return bool(driver.info.parameter_status("is_superuser") == "on")


def _signed(number: int) -> int:
    """An unsigned 32-bit number as the signed one that PostgreSQL expects."""
    return number - (1 << 32) if number >= 1 << 31 else number
