"""A database, SQLite or PostgreSQL, as an endpoint of a transfer."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import cache
from typing import Any, Final, Literal

from sqlalchemy import (
    Connection,
    Select,
    Table,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    union,
    update,
)

from actors.stores.encoding import rows
from actors.stores.engines.database import Database
from actors.stores.rules.states import now
from actors.stores.sql import leases as lease_queries
from actors.stores.sql.leases import current_epoch
from actors.stores.sql.statements import queries
from actors.stores.sql.statements.bulk_insert import add_rows
from actors.transfer import golden_queries
from actors.transfer.digest import OmittedColumns, SectionDigest
from actors.transfer.endpoint import Endpoint, LedgerEntry, SectionDigests, Sink, Source
from actors.transfer.select_rows import OWNER, belongs_to_unit, wire_rows
from actors.transfer.unit import LAYOUTS, PIPELINE, POSITION, TABLES, Kind, Unit, WireRow
from schemas.errors import StoreFailed
from schemas.storage import tables

ledger: Final = tables.migration_ledger
_IS_ENTRY: Final = (ledger.c.kind == bindparam("kind_is"), ledger.c.unit == bindparam("unit_is"))
_SELECT_ENTRY: Final = select(
    ledger.c.table_name, ledger.c.row_count, ledger.c.digest, ledger.c.source
).where(*_IS_ENTRY)
_DELETE_ENTRY: Final = delete(ledger).where(*_IS_ENTRY)
_SYNC_UPDATE: Final = (
    update(ledger)
    .where(ledger.c.unit == select(ledger.c.unit).limit(1).scalar_subquery())
    .values(source=ledger.c.source)
)
_SETTINGS: Final = (
    select(tables.meta.c.name)
    .where(
        tables.meta.c.name.not_in(tables.OF_ITSELF),
        tables.meta.c.name.not_like(f"{tables.SUBMISSION}%"),
    )
    .order_by(tables.meta.c.name)
)
_STORE_ID: Final = select(tables.meta.c.value).where(tables.meta.c.name == tables.STORE_ID)
_ROWS_WITHOUT_JOB: Final = (
    select(tables.annotations.c.job_id)
    .outerjoin(tables.jobs, tables.jobs.c.job_id == tables.annotations.c.job_id)
    .where(tables.annotations.c.video_id == bindparam(OWNER))
    .where(tables.annotations.c.job_id.is_not(None), tables.jobs.c.job_id.is_(None))
    .limit(1)
)


@cache
def _select_holds(kind: Kind) -> Select[tuple[bool]]:
    """Whether any table has a row of the unit named by parameter `owner`."""
    own_tables = [
        table for table in TABLES[kind] if table not in (tables.job_pipeline_status, tables.job_events)
    ]
    conditions = (
        exists(select(literal(1)).select_from(table).where(belongs_to_unit(table))) for table in own_tables
    )
    return select(or_(*conditions))


class DatabaseEndpoint(Endpoint):
    """A database with tables of this version."""

    omitted: OmittedColumns = frozenset()

    def __init__(self, database: Database, kind: Literal["sqlite", "postgresql"]) -> None:
        self._db, self.url, self.kind = database, database.url, kind
        with database.read() as connection:
            self.store_id = connection.execute(_STORE_ID).scalar_one()

    @contextmanager
    def read(self) -> Iterator[Source]:
        with self._db.read() as connection, closing(DatabaseSource(self._db, connection)) as source:
            yield source

    @contextmanager
    def write(self, unit: Unit) -> Iterator[Sink]:
        with self._db.write(None, [unit.name] if unit.kind == "video" else None) as connection:
            self._db.commit_without_waiting(connection)
            with closing(DatabaseSink(self._db, connection)) as sink:
                yield sink

    def finish(self) -> None:
        self._db.fill_vectors()
        with self._db.write(None) as connection:
            # The commit of this update waits for the disk, and so for all commits before it.
            connection.execute(_SYNC_UPDATE)
            self._db.analyze(connection)

    def close(self) -> None:
        self._db.close()


class DatabaseSource(Source):
    """A snapshot of a database."""

    def __init__(self, database: Database, connection: Connection) -> None:
        self._db, self._connection = database, connection
        self._open_rows: Generator[WireRow] | None = None

    def close(self) -> None:
        """Close rows that were not read to their end, as after an error, while the transaction is open."""
        if self._open_rows is not None:
            self._open_rows.close()

    def units(self) -> list[Unit]:
        return [
            *(Unit("batch", name) for name in self._batches()),
            *(Unit("setting", name) for name in self._connection.scalars(_SETTINGS)),
            *(Unit("video", name) for name in self._videos()),
            *(unit for unit in (Unit("identities", ""), Unit("people", "")) if self.holds(unit)),
        ]

    def _batches(self) -> list[str]:
        runs = tables.runs.c
        return list(
            self._connection.scalars(
                select(runs.batch_id).group_by(runs.batch_id).order_by(func.min(runs.epoch))
            )
        )

    def _videos(self) -> list[str]:
        """The ids of all videos with any rows, also orphan rows."""
        own_tables = [table for table in Unit("video", "").tables if "video_id" in table.c]
        ids = union(*(select(table.c.video_id).distinct() for table in own_tables))
        return sorted(self._connection.scalars(ids))

    def is_in_use(self) -> bool:
        epochs = set(self._connection.scalars(select(tables.leases.c.epoch).distinct()))
        return bool(lease_queries.live_epochs(self._connection, epochs, self._db.now(self._connection)))

    def holds(self, unit: Unit) -> bool:
        return bool(self._connection.scalar(_select_holds(unit.kind), {OWNER: unit.name}))

    def epochs(self, batch_id: str) -> list[int]:
        runs = tables.runs.c
        return list(
            self._connection.scalars(select(runs.epoch).where(runs.batch_id == batch_id).order_by(runs.epoch))
        )

    def pipelines(self, unit: Unit) -> list[str]:
        return sorted(queries.pipeline_ids(self._connection))

    def rows(self, unit: Unit, table: str) -> Iterator[WireRow]:
        self.close()
        self._open_rows = wire_rows(self._connection, table, unit.name)
        return self._open_rows

    def run_golden_queries(
        self, parameters: Mapping[str, Mapping[str, Any]] | None = None
    ) -> tuple[Mapping[str, Mapping[str, Any]], golden_queries.QueryResults]:
        parameters = parameters or golden_queries.parameters_for(self._connection)
        return parameters, golden_queries.run_all(self._connection, parameters)

    def ledger(self, unit: Unit) -> LedgerEntry:
        entries = self._connection.execute(
            _SELECT_ENTRY, {"kind_is": unit.kind, "unit_is": unit.digest}
        ).all()
        return LedgerEntry(
            {entry.table_name: SectionDigest(entry.row_count, entry.digest) for entry in entries},
            entries[0].source if entries else "",
        )


class DatabaseSink(DatabaseSource, Sink):
    """A transaction that writes one unit to a database."""

    def taken_epochs(self, epochs: Collection[int], batch_id: str) -> set[int]:
        runs = tables.runs.c
        return set(
            self._connection.scalars(
                select(runs.epoch).where(runs.epoch.in_(epochs), runs.batch_id != batch_id)
            )
        )

    def newest_epoch(self) -> int:
        return current_epoch(self._connection)

    def clear(self, unit: Unit) -> None:
        jobs = select(tables.jobs.c.job_id).where(belongs_to_unit(tables.jobs))
        leases = tables.leases
        if unit.kind == "video":
            self._connection.execute(delete(leases).where(leases.c.video_id == unit.name))
        if unit.kind == "batch":
            epochs = select(tables.runs.c.epoch).where(belongs_to_unit(tables.runs))
            self._connection.execute(delete(leases).where(leases.c.epoch.in_(epochs)), {OWNER: unit.name})
        for table in reversed(unit.tables):
            of_jobs = table in (tables.job_pipeline_status, tables.job_events)
            self._connection.execute(
                delete(table).where(table.c.job_id.in_(jobs) if of_jobs else belongs_to_unit(table)),
                {OWNER: unit.name},
            )

    def fill(
        self,
        unit: Unit,
        pipelines: Sequence[str],
        sections: Iterable[tuple[str, Iterable[WireRow]]],
        epochs: Sequence[int] = (),
    ) -> None:
        numbers: dict[str | None, int | None] = {None: None}
        numbers.update(queries.pipeline_ids(self._connection, pipelines))
        for name, new_rows in sections:
            table, names = LAYOUTS[name].table, LAYOUTS[name].names
            if table is tables.runs:
                self._insert_runs(names, new_rows, epochs)
            elif table is tables.annotations:
                with self._db.without_reference_checks(self._connection) as without_reference_checks:
                    self._insert(table, names, new_rows, numbers)
                if without_reference_checks:
                    self._require_jobs(unit)
            else:
                self._insert(table, names, new_rows, numbers)

    def _insert_runs(
        self, names: tuple[str, ...], new_rows: Iterable[WireRow], epochs: Sequence[int]
    ) -> None:
        index = names.index(POSITION)
        columns = (*names[:index], "epoch", *names[index + 1 :])
        numbered = (
            (*row[:index], epoch, *row[index + 1 :]) for epoch, row in zip(epochs, new_rows, strict=False)
        )  # a run may have begun since the epochs were counted
        add_rows(self._connection, tables.runs, columns, numbered)

    def _require_jobs(self, unit: Unit) -> None:
        """Check the foreign key to jobs for all rows at once; nobody else writes jobs of this video now."""
        if missing := self._connection.scalar(_ROWS_WITHOUT_JOB, {OWNER: unit.name}):
            raise StoreFailed(
                self._db.url,
                f"rows of {unit} are of job {missing}, which is not there; `vaengine db check` tells of such "
                "rows",
            )

    def _insert(
        self,
        table: Table,
        names: tuple[str, ...],
        new_rows: Iterable[WireRow],
        numbers: Mapping[str | None, int | None],
    ) -> None:
        if table is tables.video_paths:
            new_rows = list(new_rows)
            self._free_paths([row[names.index("path")] for row in new_rows])
        if PIPELINE in names and "pipeline_id" in table.c:
            index = names.index(PIPELINE)
            new_rows = ((*row[:index], numbers[row[index]], *row[index + 1 :]) for row in new_rows)
            names = tuple("pipeline_id" if name == PIPELINE else name for name in names)
        if POSITION in names:
            index = names.index(POSITION)
            new_rows = ((*row[:index], *row[index + 1 :]) for row in new_rows)
            names = (*names[:index], *names[index + 1 :])
        add_rows(self._connection, table, names, new_rows)

    def _free_paths(self, paths: list[str]) -> None:
        """Remove the stored entries of these paths: a path belongs to one video."""
        for page in queries.paged(paths):
            self._connection.execute(delete(tables.video_paths).where(tables.video_paths.c.path.in_(page)))

    def record(self, unit: Unit, digests: SectionDigests, source: str) -> None:
        self._connection.execute(_DELETE_ENTRY, {"kind_is": unit.kind, "unit_is": unit.digest})
        shared_values = {
            "kind": unit.kind,
            "unit": unit.digest,
            "source": source,
            "moved_at": rows.time_text(now()),
        }
        entries = [
            shared_values | {"table_name": table, "row_count": digest.rows, "digest": digest.digest}
            for table, digest in digests.items()
        ]
        self._connection.execute(insert(ledger), entries)
