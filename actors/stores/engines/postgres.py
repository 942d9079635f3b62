"""One PostgreSQL database: its connections, its locks, its transactions, and its refusals as our errors."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any, Final

import psycopg
from psycopg.types.string import BytesBinaryDumper, TextLoader
from sqlalchemy import Connection, Engine, create_engine, event, exc, make_url

from actors.stores.engines.address import without_password
from actors.stores.engines.database import Database, Wiped
from actors.stores.engines.own_server import own_password
from actors.stores.sql import pgvector
from actors.stores.sql.postgres_json import spelled
from schemas.errors import DiskFull, NotFound, StoreFailed, StoreUnreachable, Unstorable, VaengineError
from schemas.storage.tables import metadata

CONNECT_SECONDS: Final = 10
STATEMENT_SECONDS: Final = 600  # a statement that takes longer waits for something that does not come
LOCK_SECONDS: Final = 120
POOL_SIZE: Final = 4
MOST_LOCKS: Final = 64  # of videos in one transaction: the server has room for so many from each connection

_EVERYTHING: Final = 0x7661_0001  # classes of advisory locks, "va"
_ONE_VIDEO: Final = 0x7661_0002

_UNUSABLE: Final = {  # SQLSTATE, or the class of it -> what to do
    "42501": "the role may not do that; a run needs one that may create tables and write, `GRANT ... TO` it",
    "25006": "the database may only be read; check the role, or whether the server is a replica",
}
_NO_PASSWORD: Final = "no password supplied"
_REFUSED: Final = {  # what a server says before there is a SQLSTATE -> what to do
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
_UNWIPED: Final = (
    "PostgreSQL keeps removed rows in its files until VACUUM, and in its write-ahead log, "
    "replicas and backups: ask its administrator"
)


class PostgresDatabase(Database):
    """Transactions on one PostgreSQL database, which many engines on many machines may write at once.

    What a transaction writes belongs to videos, and writers of the same video take turns by advisory locks
    that end with the transaction; writers of different videos do not meet. What concerns all of them (a run
    that begins, a page of thousands of videos) locks everything. So each transaction reads what is true until
    it ends, as SQLite's BEGIN IMMEDIATE has it, and none has to be tried again.
    """

    _driver_error = psycopg.Error  # COPY goes past SQLAlchemy

    def __init__(self, connection_string: str, *, read_only: bool = False, as_found: bool = False) -> None:
        self.url, self.read_only = without_password(connection_string), read_only
        self._open = False
        self._engine = self._connected(
            connection_string, 0 if as_found else STATEMENT_SECONDS
        )  # whoever looks after it has time
        with ExitStack() as opening:
            opening.callback(self.close)
            if self._is_empty() and read_only and not as_found:
                raise NotFound("store", self.url)
            if not as_found:
                self._migrate()
            opening.pop_all()
        self._open = True

    def _connected(self, connection_string: str, most_seconds: int) -> Engine:
        options = {
            "statement_timeout": most_seconds * 1000,
            "lock_timeout": LOCK_SECONDS * 1000,
            "timezone": "UTC",
            "datestyle": "ISO",
            "default_transaction_read_only": "on" if self.read_only else "off",
        }
        try:
            url = make_url(connection_string).set(drivername="postgresql+psycopg")
        except (exc.ArgumentError, ValueError) as error:  # whose words may hold the password
            raise StoreUnreachable(
                self.url, "it is no address of the form postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
            ) from error
        told = (
            f"{url.query.get('options', '')} "
            f"{' '.join(f'-c {name}={value}' for name, value in options.items())}"
        ).strip()
        engine = create_engine(
            url,
            # whatever the server's default: a snapshot from before one's turn would be stale
            isolation_level="READ COMMITTED",
            pool_size=POOL_SIZE,
            json_serializer=spelled,
            pool_pre_ping=True,  # a server that was started again is met by a new connection, not by an error
            connect_args={
                "connect_timeout": CONNECT_SECONDS,
                "application_name": "vaengine",
                "options": told,
            },
        )
        event.listen(engine, "do_connect", _connection_to_own_server)
        event.listen(engine, "connect", _json_as_text)
        event.listen(engine, "connect", _bytes_as_they_are)
        return engine

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with (
            self._errors(),
            self._engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection,
            connection.begin(),
        ):
            yield connection

    def now(self, connection: Connection) -> datetime:
        """By the server's clock, at this moment and not when the transaction began: it may have waited
        for its turn.
        """
        at: datetime = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
        return at.astimezone(UTC).replace(microsecond=0)

    def _is_empty(self) -> bool:
        with self.read() as connection:
            return not self._table_names(connection)

    def unhurried(self, connection: Connection) -> None:
        connection.exec_driver_sql("SET LOCAL synchronous_commit = off")

    @contextmanager
    def unchecked(self, connection: Connection) -> Iterator[bool]:
        """Only a superuser may do so; others have each row looked up, which takes half as long as to
        store it.
        """
        may = _is_superuser(connection)
        if may:
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        yield may
        if may:
            connection.exec_driver_sql("SET LOCAL session_replication_role = origin")

    def analyze(self, connection: Connection) -> None:
        """An autovacuum that is at one of the tables gives way, which takes a second for a role that may
        not say otherwise.
        """
        if _is_superuser(connection):
            connection.exec_driver_sql(
                "SET LOCAL deadlock_timeout = '10ms'"
            )  # after this, whoever waits for an autovacuum ends it
        super().analyze(connection)

    def fill_vectors(self) -> None:
        with self.read() as connection:
            if not pgvector.is_due(connection):
                return  # without waiting for anybody
        with self.write(None) as connection:
            pgvector.complete(connection)

    def overwrite(self, connection: Connection) -> None:
        """PostgreSQL has no such thing."""

    def wipe(self) -> Wiped:
        return Wiped(True, _UNWIPED)

    def _writing(self) -> AbstractContextManager[Connection]:
        return self._engine.connect()

    def _take_turns(self, connection: Connection, videos: Iterable[str] | None) -> None:
        # sorted: no deadlock.
        wanted = None if videos is None else sorted({_signed(zlib.crc32(video.encode())) for video in videos})
        if wanted is None or len(wanted) > MOST_LOCKS:
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s, 0)", (_EVERYTHING,))
            return
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock_shared(%s, 0)", (_EVERYTHING,))
        for video in wanted:
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s, %s)", (_ONE_VIDEO, video))

    def size(self) -> int:
        query = (
            "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r' AND relnamespace "
            "= current_schema()::regnamespace"
        )
        with self.read() as connection:
            return int(connection.exec_driver_sql(query).scalar() or 0)

    def _keep_before_upgrade(self, revision: str) -> None:
        """A server has backups of its own, and an upgrade is one transaction."""

    def server_version(self) -> str:
        """Such as 18.4."""
        with self.read() as connection:
            return str(connection.exec_driver_sql("SHOW server_version").scalar()).split()[0]

    def may_write(self, *, alter: bool) -> bool:
        """Whether the role may write all tables, and `alter` them where that is needed too; or make them
        where there are none.
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
            own: Any = connection.connection.driver_connection
            own.add_notice_handler(
                lambda told: (
                    refused.append(told.message_primary or "") if told.severity == "WARNING" else None
                )
            )
            names = ", ".join(sorted({*metadata.tables, pgvector.TABLE} & self._table_names(connection)))
            connection.exec_driver_sql(f"VACUUM (ANALYZE) {names}")
            connection.invalidate()  # its handler is not for others
        return tuple(refused)

    def _table_names(self, connection: Connection) -> set[str]:
        return set(
            connection.exec_driver_sql(
                "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
            ).scalars()
        )

    def _refusal(self, error: BaseException | None) -> VaengineError:
        state, told = (
            getattr(error, "sqlstate", None) or "",
            (str(error).strip() or repr(error)).splitlines()[0],
        )
        if state == "53100":
            return DiskFull(self.url, told)
        if cure := _UNUSABLE.get(state) or _UNUSABLE.get(state[:2]):
            return StoreUnreachable(self.url, f"{told}; {cure}")
        if state.startswith("22") or (isinstance(error, psycopg.DataError) and not state):
            return Unstorable(self.url, told)
        if not self._open and isinstance(error, psycopg.OperationalError):
            cures = (cure for words, cure in _REFUSED.items() if words in str(error))
            return StoreUnreachable(
                self.url, f"{told}; {next(cures, 'is the server running, and is the address right?')}"
            )
        return StoreFailed(self.url, told)


def _connection_to_own_server(dialect: Any, record: object, arguments: Any, options: dict[str, Any]) -> Any:
    """A connection; where a server made by `vaengine db start` is not given its password, that which is
    kept beside its data.
    """
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
    options["password"] = password  # of every further connection too
    return dialect.connect(*arguments, **options)


def _json_as_text(connection: psycopg.Connection[Any], record: object) -> None:
    """JSON comes as it is kept, to be parsed by whoever needs it, like SQLite's."""
    connection.adapters.register_loader("jsonb", TextLoader)


def _bytes_as_they_are(connection: psycopg.Connection[Any], record: object) -> None:
    """Of two dumpers that psycopg has for `bytea` the last registered is taken, which is for the DB-API's
    `Binary` and slower.
    """
    connection.adapters.register_dumper(bytes, BytesBinaryDumper)


def _is_superuser(connection: Connection) -> bool:
    """As the server has told with the connection; behind a pooler that keeps it to itself nobody is one."""
    driver: Any = connection.connection.driver_connection
    return bool(driver.info.parameter_status("is_superuser") == "on")


def _signed(number: int) -> int:
    """An unsigned 32-bit number as the signed one that PostgreSQL takes."""
    return number - (1 << 32) if number >= 1 << 31 else number
